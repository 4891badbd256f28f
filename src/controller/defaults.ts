/**
 * Where the controller listens, and where its clients ask, unless they are told otherwise. The directory
 * is the one that deploy/systemd/sdm-controller.service makes.
 */
export const DEFAULT_ADDRESS = 'unix:/run/sdm-controller/controller.sock';

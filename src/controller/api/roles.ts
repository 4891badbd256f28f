/** Who may use which route. A higher role of people may what the lower ones may; the socket may all. */
import type { Role } from '../../common/server/identity.js';

/** Looks only. */
export const READ: readonly Role[] = ['viewer', 'controller'];
/** Makes, changes and releases platforms. */
export const OPERATE: readonly Role[] = ['operator', 'controller'];
/** Takes bricks out of use, copies the store. */
export const ADMINISTER: readonly Role[] = ['admin'];
/** Tells of trays. */
export const REGISTER: readonly Role[] = ['dbmc', 'admin'];

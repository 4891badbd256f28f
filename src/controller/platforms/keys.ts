/** Where things lie in the store. */
export const EPOCH_KEY = 'controller/epoch';
export const NEXT_KEY = 'controller/next-platform';
export const PLATFORMS = 'platforms/';
export const BRICKS = 'bricks/';
export const SCRUBS = 'scrubs/';
export const LEASES = 'leases/';
export const NETWORKS = 'network/';

const padded = (id: number): string => String(id).padStart(10, '0');

export const platformKey = (id: number): string => `${PLATFORMS}${padded(id)}`;
export const brickKey = (id: string): string => `${BRICKS}${id}`;
export const scrubKey = (memory: string, attachment: string): string =>
  `${SCRUBS}${memory}/${attachment}`;
export const networkKey = (memory: string): string => `${NETWORKS}${memory}`;
/** Put with a lease: when it goes, so does the platform. */
export const leaseKey = (platform: number): string => `${LEASES}${padded(platform)}`;
/** Of the lease itself. */
export const leaseId = (platform: number): string => `platform-${platform}`;

export const attachmentId = (platform: number, n: number): string => `p${platform}-${n}`;

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
/** Of which platform a lease is. */
export function platformOf(lease: string): number | undefined {
  const number = /^platform-([1-9][0-9]{0,15})$/.exec(lease)?.[1];
  return number === undefined ? undefined : Number(number);
}

export const attachmentId = (platform: number, n: number): string => `p${platform}-${n}`;

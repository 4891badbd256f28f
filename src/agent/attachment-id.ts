/** The names that attachments may have. */
export const ID_PATTERN = '^[A-Za-z0-9._-]{1,64}$';
/** The same in words. */
export const ID_EXPECTED = '1 to 64 letters, digits, ".", "_" or "-"';

const D44_PREFIX = 'd44-';

/** Of an attachment by D4.4's commands, which name none. @param start its local address, as "0x…". */
export const d44Id = (start: string): string => `${D44_PREFIX}${start}`;

/** Whether it is one of those: an address, and so used again. */
export const isD44Id = (id: string): boolean => id.startsWith(D44_PREFIX);

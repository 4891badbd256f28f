/** The names that attachments may have. */
export const ID_PATTERN = '^[A-Za-z0-9._-]{1,64}$';
/** The same in words. */
export const ID_EXPECTED = '1 to 64 letters, digits, ".", "_" or "-"';

/** Characters of a command's text: 512 segments, generously spaced, take a quarter of it. */
export const TEXT_MAX = 256 * 1024;
/** How deep lists and dictionaries may nest; a command needs 3. */
export const DEPTH_MAX = 16;
/** Of one number, in characters. */
export const NUMBER_MAX = 64;
/** As many memports as a block can have. */
export const SEGMENTS_MAX = 512;
/** Of a cIP. */
export const ADDRESS_MAX = 255;
/** What a JSON number holds exactly everywhere: 2^53 - 1. */
export const NUMBER_LIMIT = BigInt(Number.MAX_SAFE_INTEGER);

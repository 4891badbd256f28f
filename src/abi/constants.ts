/** Register ABI, version 1: the TypeScript side of native/abi/memport.h. */
export const ABI_VERSION = 1;
export const ID_MAGIC = 0x504d4453;
export const ID_VERSION_SHIFT = 32;

/** A block is at most this long, in bytes. */
export const BLOCK_MAX = 0x10000;

/** Block registers, by byte offset. */
export const REG = {
  ID: 0x000,
  FEATURES: 0x008,
  NPORTS: 0x010,
  WINDOW_BASE: 0x018,
  WINDOW_SIZE: 0x020,
  REMOTE_SIZE: 0x028,
  GRANULE: 0x030,
  EPOCH: 0x038,
  NTRANSCEIVERS: 0x040,
  LINK_STATUS: 0x048,
  LINK_RESET: 0x050,
  LINK_DOWNS: 0x080,
  MAILBOX: 0x100,
} as const;

/** Bytes from REG.MAILBOX on that mailbox and interrupts may use. */
export const MAILBOX_SIZE = 0x100;

/** FEATURES, by bit. */
export const FEATURE = {
  TRANSLATION: 0,
  REQUESTS: 1,
  TRANSCEIVERS: 2,
  INTERRUPTS: 3,
  PASSIVE: 4,
} as const;

export const NPORTS_DEFAULT = 32;
export const NPORTS_MAX = 512;
export const NTRANSCEIVERS_MAX = 16;

/** Memport n starts at MEMPORT_BASE + n * MEMPORT_STRIDE. */
export const MEMPORT_BASE = 0x1000;
export const MEMPORT_STRIDE = 0x40;

/** Registers of a memport, by byte offset from its start. */
export const MEMPORT = {
  START: 0x00,
  END: 0x08,
  OFFSET: 0x10,
  OUT_ID: 0x18,
  IN_ID: 0x20,
  SET: 0x28,
  STATUS: 0x30,
  FAULTS: 0x38,
} as const;

/** OFFSET is sign and magnitude: this bit set subtracts the magnitude. */
export const OFFSET_SIGN_BIT = 63;

export const STATUS = {
  INACTIVE: 0,
  ACTIVE: 1,
  BUSY: 2,
  RANGE: 16,
  WINDOW: 17,
  OVERLAP: 18,
  REMOTE: 19,
  ALIGNMENT: 20,
  LINK: 21,
  RESOURCES: 22,
} as const;

export type StatusName = keyof typeof STATUS;

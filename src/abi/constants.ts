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
  // The mailbox: docs/mailbox.md.
  MAILBOX: 0x100,
  REQUEST_SEQ: 0x100,
  REQUEST_COMMAND: 0x108,
  REQUEST_COOKIE: 0x110,
  REQUEST_ARGUMENT: 0x118,
  ANSWER_SEQ: 0x120,
  ANSWER_CODE: 0x128,
  ANSWER_COOKIE: 0x130,
  ANSWER_START: 0x138,
  ANSWER_SIZE: 0x140,
  ANSWER_DISTANCE: 0x148,
  REQUEST_GRANULE: 0x150,
  REQUEST_TIMEOUT: 0x158,
  CALL_SEQ: 0x180,
  CALL_COMMAND: 0x188,
  CALL_COOKIE: 0x190,
  CALL_TIMEOUT: 0x198,
  REPLY_SEQ: 0x1a0,
  REPLY_CODE: 0x1a8,
  INT_STATUS: 0x1e0,
  INT_ENABLE: 0x1e8,
} as const;

/** Bytes from REG.MAILBOX on that mailbox and interrupts may use. */
export const MAILBOX_SIZE = 0x100;

/** INT_STATUS and INT_ENABLE, by bit. */
export const INT = { LINK: 0, ANSWER: 1, CALL: 2 } as const;

/** REQUEST_COMMAND: what a guest asks of its hypervisor. */
export const REQUEST = { ADD: 1, REMOVE: 2, LIST: 3 } as const;

/** ANSWER_CODE. */
export const ANSWER = {
  OK: 1,
  BAD_COMMAND: 16,
  BAD_SIZE: 17,
  BAD_COOKIE: 18,
  NO_ROOM: 19,
  REFUSED: 20,
  TIMEOUT: 21,
  LIMIT: 22,
  END: 23,
} as const;

/** CALL_COMMAND: what a hypervisor asks of its guest; 0: nothing. */
export const CALL = { RECLAIM: 1 } as const;

/** REPLY_CODE. */
export const REPLY = { ACCEPTED: 1, REFUSED: 16 } as const;

/** Requests and grants that a guest can have at once. */
export const GRANTS_MAX = 64;

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

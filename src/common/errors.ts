/**
 * The one table of errors. A code is stable: programs match on it, people read the message.
 * A message names what was asked, what was found and what to do.
 */
interface ErrorEntry {
  /** HTTP status of an answer that carries this error. */
  readonly status: number;
  /** One line for the documentation: when this error is given. */
  readonly when: string;
}

export const ERRORS = {
  // Requests
  SDM_INPUT: { status: 400, when: 'a value that was given is not valid' },
  SDM_NOT_FOUND: { status: 404, when: 'the thing that was named does not exist' },
  SDM_CONFLICT: { status: 409, when: 'the same id already stands for something else' },
  SDM_CONFIG: { status: 500, when: 'the configuration cannot be used' },
  SDM_TIMEOUT: { status: 504, when: 'a wait reached its deadline' },
  SDM_UNREACHABLE: { status: 502, when: 'a daemon does not answer' },
  SDM_INTERNAL: { status: 500, when: 'a defect in SDM' },

  // Loading the addon
  SDM_ADDON: { status: 500, when: 'the addon is not built, or not for this machine' },

  // Addon: the codes of native/src/errors.h that are not above
  SDM_FORGED: { status: 500, when: 'an object was given that the addon did not make' },
  SDM_CLOSED: { status: 409, when: 'a register block or mapping was closed before' },
  SDM_READ_ONLY: { status: 409, when: 'something opened for reading was to be written' },
  SDM_RANGE: { status: 400, when: 'an offset or length lies outside of a block, file or mapping' },
  SDM_ALIGNMENT: { status: 400, when: 'an offset or length is no multiple of what access needs' },
  SDM_DEVICE_BUSY: { status: 503, when: 'a kernel driver holds the PCI device' },
  SDM_BLOCK_SIZE: {
    status: 503,
    when: 'a file, BAR or UIO range is too small to be a register block',
  },
  SDM_BLOCK_UNFORMATTED: { status: 503, when: 'memory was not formatted as a register block' },
  SDM_BLOCK_FOREIGN: { status: 503, when: 'memory holds something else than a register block' },
  SDM_BLOCK_VERSION: { status: 503, when: 'a register block has another version of the ABI' },
  SDM_BLOCK_INVALID: { status: 503, when: 'the header of a register block contradicts the ABI' },
  SDM_BLOCK_LOCKED: { status: 409, when: 'another agent owns the register block' },
  SDM_BLOCK_FORMATTED: { status: 409, when: 'formatting would overwrite a register block' },
  SDM_LOCKED: { status: 409, when: 'another process holds the lock of a file' },
  SDM_ABORTED: { status: 499, when: 'the AbortSignal of a call fired' },
  SDM_STUCK: { status: 504, when: 'the kernel does not give a thread back after its deadline' },
  SDM_SYSTEM: { status: 500, when: 'a system call failed; errno, errnoName and syscall say how' },

  // Agent: API
  SDM_TOO_LARGE: { status: 413, when: 'a request is longer than the daemon reads' },
  SDM_MEDIA_TYPE: { status: 415, when: 'the body of a request is not JSON' },
  SDM_SLOW: { status: 408, when: 'a request did not arrive whole in time' },
  SDM_TOO_MANY: {
    status: 503,
    when: 'more streams, or requests on one connection, than the daemon serves',
  },
  SDM_STOPPING: { status: 503, when: 'the daemon is stopping and takes no new commands' },
  SDM_USAGE: { status: 400, when: 'a command line is not understood' },
  SDM_RUNNING: { status: 409, when: 'another daemon already answers on this socket' },
  SDM_UNAUTHENTICATED: {
    status: 401,
    when: 'who asks is not known: no certificate or token, or one that is not valid',
  },
  SDM_FORBIDDEN: { status: 403, when: 'who asks is known and may not do this' },

  // PKI
  SDM_PKI: { status: 500, when: 'a certificate, key or list of the PKI cannot be used' },
  SDM_PEER: { status: 502, when: 'a daemon that answers is not the one that was meant' },

  // Set-up
  SDM_COMMAND: { status: 500, when: 'a command that was run could not start or failed' },
  SDM_MISSING: { status: 500, when: 'something that is needed is neither reachable nor cached' },
  SDM_ARTIFACT: { status: 500, when: 'a part of an emulated brick could not be made' },

  // Agent: attachments
  SDM_NO_REGISTERS: {
    status: 503,
    when: 'no register block was found, or several, or its driver is gone',
  },
  SDM_NO_POOL: { status: 503, when: 'this brick has no pool to attach from' },
  SDM_NO_MODULE: { status: 503, when: 'sdmc_mem, or for kmem dax_hmem or kmem, is not inserted' },
  SDM_WRONG_MODULE: { status: 503, when: 'sdmc_mem is of another version than the agent' },
  SDM_WINDOW: { status: 503, when: 'sdmc_mem holds another window than the registers name' },
  SDM_MODE: { status: 501, when: 'this brick cannot attach in that mode' },
  SDM_NO_SPACE: { status: 507, when: 'no free range is long enough' },
  SDM_NO_MEMPORT: { status: 507, when: 'every memport is in use' },
  SDM_RANGE_TAKEN: { status: 409, when: 'the range asked for overlaps one in use' },
  SDM_NOT_OURS: { status: 403, when: 'the range asked for is not in the shares of this brick' },
  SDM_NOT_OWNER: { status: 403, when: 'the attachment belongs to another owner' },
  SDM_LINK_DOWN: { status: 503, when: 'the link of the transceiver did not come up in time' },
  SDM_MEMPORT_REFUSED: { status: 409, when: 'the device refused what a memport was to map' },
  SDM_MEMPORT_FOREIGN: { status: 409, when: 'the memport was set by someone else' },
  SDM_MEMPORT_OWNED: { status: 409, when: 'the memport belongs to an attachment' },
  SDM_MEMPORT_SET: { status: 409, when: 'the memport is set to something else' },
  SDM_MEMPORT_LIVE: {
    status: 409,
    when: 'the range of the memport is system RAM, or programs may map it',
  },
  SDM_KERNEL_REFUSED: { status: 500, when: 'the kernel refused a step of an attachment' },
  SDM_OFFLINE_REFUSED: { status: 409, when: 'a memory block could not be taken offline' },
  SDM_DEVICE_MAPPED: { status: 409, when: 'programs still map the range of the attachment' },
  SDM_SCRUB: { status: 500, when: 'a range did not read zero after its scrub' },
  SDM_STALE_EPOCH: { status: 409, when: 'a controller commands with an epoch that is over' },
  SDM_GONE: { status: 410, when: 'a controller names an id that it has deleted before' },
  SDM_OTHER_BRICK: { status: 403, when: 'a command names the address of another brick' },
  SDM_FAILED: { status: 500, when: 'a step failed and could not be undone' },

  // Agent: journal
  SDM_JOURNAL: { status: 503, when: 'the journal cannot be written, so nothing may be changed' },
  SDM_JOURNAL_CORRUPT: { status: 500, when: 'a part of the journal that was safe is damaged' },
  SDM_JOURNAL_FOREIGN: { status: 409, when: 'the journal is of another brick or other registers' },

  // Lender
  SDM_NOT_CLEAN: {
    status: 409,
    when: 'a segment is not proven to be zero, or its bytes are kept: it cannot be granted',
  },

  // Controller: refusals of a reservation; details say the resource, where, asked and found
  SDM_NO_CORES: { status: 507, when: 'no coherent island has as many free cores' },
  SDM_NO_LOCAL_MEMORY: { status: 507, when: 'no compute brick has as much free local memory' },
  SDM_NO_SEGMENTS: { status: 507, when: 'not as many segments are free' },
  SDM_NO_PATH: { status: 507, when: 'no path has as much capacity left on every link and switch' },
  SDM_NO_TRANSCEIVER: { status: 507, when: 'every transceiver that could be used is taken' },
  SDM_NO_COMBINATION: {
    status: 507,
    when: 'each resource is there, but no compute brick comes to all of them',
  },
  // Controller: API
  SDM_KEY_REUSED: { status: 422, when: 'an idempotency key came again with another request' },

  // Controller: commands
  SDM_STEP: { status: 502, when: 'a brick, lender or switch refused a step; the rest is undone' },
  SDM_RECORD: { status: 500, when: 'what the store has does not go with the topology or itself' },

  // Controller: topology
  SDM_TOPOLOGY: { status: 400, when: 'a topology cannot be: its form, or what it says of itself' },
  SDM_BRICK_IN_USE: { status: 409, when: 'a brick or link that platforms use was to change' },

  // Controller: store
  SDM_STORE: { status: 503, when: 'the store cannot be written or read, so the controller ends' },
  SDM_STORE_CORRUPT: {
    status: 500,
    when: 'the database of the controller is damaged, or no store',
  },
  SDM_STORE_NEWER: { status: 500, when: 'the database was written by a newer controller' },
  SDM_STORE_COMPACTED: { status: 410, when: 'changes that are asked for are no longer known' },

  // dBMC
  SDM_NO_RESOURCE: { status: 410, when: 'a tray has no such brick, switch or port' },
  SDM_RESOURCE_UNREACHABLE: {
    status: 404,
    when: 'a brick or switch of a tray is there and does not answer',
  },
  SDM_PORT_CONNECTED: { status: 409, when: 'a port of a circuit switch is in another circuit' },
  SDM_PORT_FAULT: {
    status: 502,
    when: 'a port does not connect, or the link behind it stays down',
  },
  SDM_BOARD_STATE: {
    status: 500,
    when: 'what a tray keeps of its board cannot be read or written',
  },
  SDM_IAAS: { status: 500, when: 'what the test of platforms saw is not what it must see' },

  // Controller: reconcile loop
  SDM_NOT_FENCED: { status: 409, when: 'nothing shows that a lost brick reaches no remote memory' },

  // Rack
  SDM_CANCELLED: { status: 499, when: 'the caller gave up' },
  SDM_RACK_RUNNING: { status: 409, when: 'a rack of this name is up already' },
  SDM_RACK_BUSY: { status: 409, when: 'another command is working on the rack' },
  SDM_RACK_SPACE: { status: 507, when: 'the pool or the bricks do not fit into memory' },
  SDM_RACK_STATE: { status: 500, when: 'what a rack left on disk cannot be used' },
  SDM_RACK_QEMU: { status: 502, when: 'QEMU did not start, or refused a command' },
  SDM_RACK_BOOT: { status: 504, when: 'a brick did not come up' },
  SDM_RACK_BRICK: { status: 503, when: 'the brick is not running' },
  SDM_RACK_DAEMON: { status: 502, when: 'a daemon of the rack did not start, or does not end' },
  SDM_RACK_SSH: { status: 502, when: 'a brick cannot be reached by ssh' },
  SDM_DEMO: { status: 500, when: 'what the demo saw is not what it must see' },
  // Benchmarks
  SDM_BENCH: { status: 500, when: 'a benchmark could not be set up, or measured nonsense' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a stable code. `details` holds what a program needs: addresses as "0x…" strings. */
export class SdmError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'SdmError';
    this.code = code;
    this.details = options.details;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

/**
 * Public types of the agent. Addresses and sizes are bytes as bigint; where a value leaves the
 * process, `toJson` (json.ts) turns every bigint into a "0x…" string.
 */
import type { LinkState } from './backend/types.js';
import type { BrickView, JournalView, MemoryView, MemportView, TransceiverView } from './views.js';

export type * from './views.js';

/** A part of the pool that this brick may use. Offsets in the pool (remote addresses). */
export interface Share {
  readonly start: bigint;
  readonly size: bigint;
  /** Used by several bricks at once: only for `device` attachments that ask for `shared`. */
  readonly shared: boolean;
}

/** The ways to a register block: CONTRIBUTING.md says what another one takes. */
export const BACKENDS = ['bar', 'sysfs', 'uio', 'file'] as const;
export type BackendKind = (typeof BACKENDS)[number];
/** What a configuration may say; "auto" is the way that there is on this machine. */
export const BACKEND_CHOICES = ['auto', ...BACKENDS] as const;

export type RegistersConfig =
  | { readonly backend: 'file'; readonly path: string }
  /** `pci`: an address such as "0000:00:02.0", or "auto": the only one that there is.
   * `device`, which goes before it: any device by its name, such as "a0000000.memport". */
  | { readonly backend: 'auto'; readonly pci: string; readonly device?: string }
  | { readonly backend: 'bar'; readonly pci: string }
  | { readonly backend: 'sysfs'; readonly pci: string; readonly device?: string }
  /** `uio`: a name such as "uio0" or that of the device behind it, or "auto": found by its ID. */
  | { readonly backend: 'uio'; readonly uio: string };

export type PoolConfig = { readonly path: string } | { readonly pci: string };

/** What the core of the agent needs; socket, group and log belong to the server. */
export interface AgentConfig {
  readonly brick: string;
  readonly registers: RegistersConfig;
  /** Without it the agent serves memports, and refuses attachments with SDM_NO_POOL.
   * `path` goes with backend file; `pci` ("auto" or an address) with the others, where it may be left
   * out if the registers translate. */
  readonly pool?: PoolConfig;
  readonly shares: readonly Share[];
  /** NUMA node for `system-ram` where a request names none. */
  readonly node: number;
  /** Default: by sdmc_mem, its map in memory that was there before. */
  readonly memory?: MemoryConfig;
  /** For all blocks of one detach together. Default 60000. */
  readonly offlineTimeoutMs?: number;
  /** How long an attach waits for its transceiver. Default 5000. */
  readonly linkTimeoutMs?: number;
  /** How long a command waits for those before it. Default 120000. */
  readonly queueTimeoutMs?: number;
  /** How often the links are looked at. Default 100. */
  readonly linkPollMs?: number;
  /** What the agent itself refuses; both true by default. */
  readonly checks?: Checks;
  /** Root of sysfs; another one in tests. Default /sys. */
  readonly sysfs?: string;
}

/** Refusals that an operator may switch off, for commands that hardware lets pass. */
export interface Checks {
  /** Start, size and remote are multiples of the granule. Logic behind the registers may still
   * refuse; this covers the agent and passive blocks. */
  readonly alignment: boolean;
  /** No two memports lead to the same remote bytes. */
  readonly remoteOverlap: boolean;
}
export const ALL_CHECKS: Checks = { alignment: true, remoteOverlap: true };

/**
 * The ways in which a range becomes RAM. module: sdmc_mem adds it; kmem: it becomes a device of
 * the kernel's DAX bus, which the kernel's own driver kmem adds.
 */
export const MEMORY_WAYS = ['module', 'kmem'] as const;
export type MemoryWay = (typeof MEMORY_WAYS)[number];

/** How system RAM is added. */
export interface MemoryConfig {
  readonly way: MemoryWay;
  /** The range itself holds the kernel's map of its pages, not memory that was there before. */
  readonly memmapOnMemory: boolean;
}
export const PLAIN_MEMORY: MemoryConfig = { way: 'module', memmapOnMemory: false };

export const ATTACHMENT_MODES = ['system-ram', 'device'] as const;
export type AttachmentMode = (typeof ATTACHMENT_MODES)[number];

/** Every state is described in docs/attachments.md. `online` is where system-ram rests, `present`
 * is where device rests; `free` is seen only in the answer to a detach. */
export const ATTACHMENT_STATES = [
  'reserved',
  'wired',
  'linked',
  'programmed',
  'present',
  'online',
  'offline',
  'absent',
  'flushed',
  'cleared',
  'unwired',
  'free',
  'failed',
] as const;
export type AttachmentState = (typeof ATTACHMENT_STATES)[number];

/** Names of steps as they are timed; those that are no state of their own come between two. */
export type StepName = Exclude<AttachmentState, 'failed'> | 'claimed' | 'scrubbed' | 'released';

export interface StepTime {
  readonly step: StepName;
  readonly ms: number;
}

/** Who commands: the person at the socket (`local`) or a controller by its name and term. */
export interface Caller {
  readonly owner: string;
  /** The controller's term. One lower than the highest seen is refused; absent for `local`. */
  readonly epoch?: bigint;
}
export const LOCAL: Caller = { owner: 'local' };

export interface AttachRequest {
  /** 1 to 64 of A-Z a-z 0-9 . _ - ; made up where it is left out. */
  readonly id?: string;
  readonly mode: AttachmentMode;
  /** Bytes; a multiple of the unit (granule, and for system-ram also the memory block). */
  readonly size: bigint;
  /** Only for system-ram. Default: the configured one. */
  readonly node?: number;
  /** Only for device: the range lies in a shared share. Default false. */
  readonly shared?: boolean;
  /** Local physical address. Default: first fit in the window. */
  readonly start?: bigint;
  /** Default: the lowest that is free. */
  readonly memport?: number;
  /** Offset in the pool. Default: first fit in the brick's shares. */
  readonly remote?: bigint;
  /** Keep the bytes at detach. Default: what `shared` says. */
  readonly retain?: boolean;
  /** Network id out; default the lowest transceiver that is up. */
  readonly outId?: bigint;
  /** Default 0. */
  readonly inId?: bigint;
}

export interface DetachOptions {
  /** Overrides what the attachment says. */
  readonly retain?: boolean;
  /** Overrides the configured offlineTimeoutMs. */
  readonly offlineTimeoutMs?: number;
  /** Command an attachment of another owner. */
  readonly override?: boolean;
}

/** Where a program maps a `device` attachment: mmap(path, offset, size). */
export interface DeviceRange {
  readonly path: string;
  readonly offset: bigint;
  readonly size: bigint;
}

/** An error as it is stored with an attachment and answered by the API. */
export interface ErrorView {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface Attachment {
  readonly id: string;
  readonly mode: AttachmentMode;
  readonly state: AttachmentState;
  readonly size: bigint;
  /** Local physical range; `end` is inclusive. */
  readonly start: bigint;
  readonly end: bigint;
  readonly remote: bigint;
  readonly shared: boolean;
  readonly retain: boolean;
  readonly memport: number;
  /** -1 for device. */
  readonly node: number;
  readonly outId: bigint;
  readonly inId: bigint;
  /** `local`, or the controller that commanded it last. */
  readonly owner: string;
  /** Of the transceiver that it goes over; absent where the block has none. */
  readonly link?: 'up' | 'down';
  /** Nothing of it is in use: since the last boot it waits for its controller's word, or for what
   * a restore was refused for (see `error`). */
  readonly waits?: 'controller' | 'restore';
  /** In the order in which they were done, both directions. */
  readonly steps: readonly StepTime[];
  /** Numbers of the kernel's memory blocks; only system-ram. */
  readonly blocks?: readonly number[];
  /** Only device, while present. */
  readonly device?: DeviceRange;
  /** Why it failed, or why the last detach was refused. */
  readonly error?: ErrorView;
}

export interface MemportSpec {
  readonly start: bigint;
  /** Bytes. */
  readonly size: bigint;
  readonly remote: bigint;
  /** Default 0. */
  readonly outId?: bigint;
  /** Default 0. */
  readonly inId?: bigint;
}

export interface MemportOptions {
  /** Act on a foreign memport, on one that an attachment owns, or outside of the shares. Never
   * possible while the range is system RAM or mapped. */
  readonly override?: boolean;
}

/** The part of pino's interface that the core uses. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What an attach came to. */
export interface Ensured {
  readonly attachment: Attachment;
  /** False: it was there already, in use or waiting. */
  readonly created: boolean;
}

/** The agent's core as the API sees it; `Agent` in agent.ts implements it. */
export interface AgentCore {
  /** Resolves when the agent has made journal and brick agree. @throws SdmError SDM_JOURNAL. */
  reconcile(): Promise<void>;
  brick(): BrickView;
  listAttachments(): Attachment[];
  /** @throws SdmError SDM_NOT_FOUND. */
  getAttachment(id: string): Attachment;
  attach(request: AttachRequest, caller?: Caller): Promise<Attachment>;
  /** As `attach`, for those who take back what they made. */
  ensure(request: AttachRequest, caller?: Caller): Promise<Ensured>;
  detach(id: string, options?: DetachOptions, caller?: Caller): Promise<Attachment>;
  memports(): MemportView[];
  memport(port: number): MemportView;
  setMemport(
    port: number,
    spec: MemportSpec,
    options?: MemportOptions,
    caller?: Caller,
  ): Promise<MemportView>;
  clearMemport(port: number, options?: MemportOptions, caller?: Caller): Promise<MemportView>;
  transceivers(): TransceiverView[];
  resetTransceiver(transceiver: number, caller?: Caller): Promise<TransceiverView>;
  /** The links alone: cheap, for those who look often. */
  links(): LinkState;
  journal(): JournalView;
  memory(): Promise<MemoryView>;
  close(): Promise<void>;
}

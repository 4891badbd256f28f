/**
 * What the agent shows of its brick, as types.ts has it for all who use the agent: addresses and
 * sizes are bytes as bigint.
 */
import type { JournalState, JournalStats } from './attachments/journal.js';
import type { BackendKind, Checks, Share } from './types.js';

/** `manual`: set through setMemport. `foreign`: set by nobody this agent knows. */
export type MemportOwner = 'none' | 'attachment' | 'manual' | 'foreign';

export interface MemportView {
  readonly port: number;
  readonly set: boolean;
  readonly status: number;
  /** e.g. "active" or "link", as the ABI's codec names it. */
  readonly statusName: string;
  readonly start: bigint;
  /** Inclusive. */
  readonly end: bigint;
  /** Absent where the registers name none (START and OFFSET leave the 64-bit space). */
  readonly remote?: bigint;
  readonly outId: bigint;
  readonly inId: bigint;
  readonly faults: bigint;
  readonly owner: MemportOwner;
  /** `local` or the controller, where an attachment or a command by hand owns it. */
  readonly by?: string;
  /** Id, where an attachment owns it. */
  readonly attachment?: string;
}

export interface TransceiverView {
  readonly transceiver: number;
  readonly up: boolean;
  readonly downs: bigint;
  /** Memports that are set and go over it. */
  readonly memports: readonly number[];
  /** Ids of the attachments that go over it, those that wait included. */
  readonly attachments: readonly string[];
}

/** How the journal is doing, and the highest term of a controller that it knows. */
export interface JournalView {
  readonly stats: JournalStats;
  readonly epoch: JournalState['epoch'];
}

export interface NodeView {
  readonly node: number;
  readonly online: boolean;
  /** From this node to the online ones. */
  readonly distances: readonly { readonly node: number; readonly distance: number }[];
  readonly totalBytes: bigint;
  readonly freeBytes: bigint;
  /** Number of the memory tier ("memory_tierN"), lower is faster; absent where it has none. */
  readonly tier?: number;
  readonly cpus: boolean;
}

/** `hmem`: announced to the kernel's own drivers, which may have made it RAM. */
export type RegionState = 'absent' | 'ram' | 'device' | 'hmem';

export interface RegionView {
  readonly start: bigint;
  readonly end: bigint;
  readonly state: RegionState;
  readonly node: number;
  /** Live mappings. */
  readonly mapped: number;
}

export interface ModuleView {
  /** `ok`, or why system-ram is not possible. `none`: this brick is a plain process. */
  readonly state: 'ok' | 'none' | 'missing' | 'wrong' | 'window-differs' | 'no-window';
  /** A sentence that says what to do, where the state is not ok. */
  readonly advice?: string;
  readonly version?: string;
  readonly window?: { readonly start: bigint; readonly size: bigint };
  readonly regions: readonly RegionView[];
}

export interface MemoryView {
  /** Of the kernel's memory blocks, bytes; absent where memory cannot be hot-plugged. */
  readonly blockSize?: bigint;
  /** auto_online_blocks: "offline", "online", "online_kernel" or "online_movable". */
  readonly autoOnline?: string;
  readonly possibleNodes: readonly number[];
  readonly nodes: readonly NodeView[];
  readonly module: ModuleView;
  /** Bytes attached now. */
  readonly attachedBytes: bigint;
  readonly shares: readonly (Share & { readonly usedBytes: bigint })[];
}

/** What the register block and its surroundings are, for `GET /v1/brick`. */
export interface BrickView {
  readonly brick: string;
  readonly backend: BackendKind;
  /** The device (a PCI address where it has one) or the path. */
  readonly registers: string;
  /** PCI address, path or "remote": nowhere on this machine, the registers translate to it. */
  readonly pool?: string;
  readonly poolSize?: bigint;
  readonly features: readonly string[];
  readonly translation: boolean;
  readonly passive: boolean;
  readonly nports: number;
  readonly ntransceivers: number;
  readonly windowBase: bigint;
  readonly windowSize: bigint;
  readonly remoteSize: bigint;
  readonly granule: bigint;
  /** What this agent refuses. */
  readonly checks: Checks;
}

/**
 * What the controller keeps. Everything here is ready for JSON: addresses and byte sizes are "0x…"
 * strings, counts are numbers. docs/controller.md says what each state means.
 */
import type { AttachmentMode, ErrorView } from '../agent/types.js';

export type { AttachmentMode, ErrorView } from '../agent/types.js';

/** "rack.box.brick". */
export type BrickId = string;

/**
 * allocating: being made, nobody had an answer yet: undone if it does not get there. active: usable.
 * changing: a grow or a shrink runs. releasing: it goes, whatever happens. failed: it was to be undone,
 * and something of it is still there.
 */
export const PLATFORM_STATES = ['allocating', 'active', 'changing', 'releasing', 'failed'] as const;
export type PlatformState = (typeof PLATFORM_STATES)[number];

/**
 * `reserved` and `attached` are durable, and so is `detaching`: from there on it only goes on to its
 * end. `granted`, `wired`, `detached`, `unwired`, `scrubbing` are where it is between these; a restart
 * forgets them, since every step may be repeated. failed: attached, but something of it is amiss.
 */
export const ATTACHMENT_STATES = [
  'reserved',
  'granted',
  'wired',
  'attached',
  'detaching',
  'detached',
  'unwired',
  'scrubbing',
  'failed',
] as const;
export type AttachmentState = (typeof ATTACHMENT_STATES)[number];

/** A way through one switch: both ports are the switch's own. */
export interface HopRecord {
  readonly switch: string;
  readonly in: number;
  readonly out: number;
}

export interface PathRecord {
  /** Of the path in the reservation core; attachments of one pair of bricks may share it. */
  readonly id: number;
  readonly computeTransceiver: number;
  readonly memoryTransceiver: number;
  /** From the compute brick's side. */
  readonly hops: readonly HopRecord[];
}

/** Segments of one memory brick, one after the other, on one compute brick by one memport. */
/** Bytes of a memory brick, "0x…": what its segments' numbers stood for when they were reserved. */
export interface RemoteRange {
  readonly remote: string;
  readonly size: string;
}

export interface AttachmentRecord {
  /** "p<platform>-<n>": also at the agent, and of the grant at the lender. */
  readonly id: string;
  readonly memory: BrickId;
  /** Number of the first segment in its memory brick. */
  readonly first: number;
  readonly count: number;
  /** Where its bytes are; absent in records of before it was kept. */
  readonly bytes?: RemoteRange;
  readonly path: PathRecord;
  /** Percent that the reservation takes of the path. */
  readonly util: number;
  /** Which command of the platform made it, from 0: those of one share what it takes of a path. */
  readonly reservation: number;
  /** Network id, "0x…". */
  readonly outId: string;
  readonly mode: AttachmentMode;
  /** NUMA node; absent: the agent's own. */
  readonly node?: number;
  state: AttachmentState;
  /** Where the agent put it. */
  at?: { readonly start: string; readonly node: number; readonly memport: number };
  /** Why the last step on it failed. */
  error?: ErrorView;
  /** Of one that is `detaching` and was `failed`: why, should it stay. */
  amiss?: ErrorView;
}

export interface LeaseRecord {
  readonly id: string;
  readonly ttlMs: number;
}

/** As it is stored at `platforms/<id padded to 10>`. */
export interface PlatformRecord {
  readonly id: number;
  readonly name?: string;
  readonly brick: BrickId;
  readonly island: number;
  readonly cores: number;
  /** Bytes. */
  readonly localMemory: string;
  /** Percent; what a grow takes that names none. */
  readonly pathUtil: number;
  readonly policy: string;
  readonly mode: AttachmentMode;
  readonly node?: number;
  /** Who asked for it. */
  readonly owner: string;
  /** ISO 8601. */
  readonly created: string;
  readonly lease?: LeaseRecord;
  state: PlatformState;
  /** Number of the next attachment and of the next reservation; neither is ever used again. */
  next: number;
  nextReservation: number;
  attachments: AttachmentRecord[];
  /** Remembered with an intent that is not carried out yet; forgotten if it is turned back. */
  remembered?: string;
  /** Why it is not as it should be. */
  error?: ErrorView;
}

/** `bricks/<id>`: what people or the reconcile loop decided about a brick. */
export interface BrickRecord {
  /** Nothing new goes there. */
  readonly drained?: boolean;
  /** It does not answer: what it had is quarantined until it is fenced. */
  readonly lost?: { readonly since: string; readonly why: string };
  /** It was fenced, and how that was proved. */
  readonly fenced?: { readonly since: string; readonly proof: string };
}

/** `scrubs/<memory>/<attachment id>`: segments that no platform has, and that are not proved zero. */
export interface ScrubRecord {
  readonly memory: BrickId;
  readonly first: number;
  readonly count: number;
  /** Where its bytes are; absent in records of before it was kept. */
  readonly bytes?: RemoteRange;
  readonly attachment: string;
  readonly since: string;
}

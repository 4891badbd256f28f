/** What the controller takes, answers and tells; ready for JSON as records.ts says. */
import type {
  AttachmentMode,
  AttachmentRecord,
  AttachmentState,
  BrickId,
  ErrorView,
  PlatformRecord,
  PlatformState,
} from './records.js';

/** Who commands, as the server base makes it out. */
export interface Who {
  readonly kind: 'local' | 'tls' | 'token';
  readonly role: string;
  readonly name: string;
}

/** Put into the same transaction as the command's end, or, for what only goes on, its beginning. */
export interface Remember {
  /** In the store: "idempotency/…". */
  readonly key: string;
  /** @param result what the command resolves with. */
  value(result: PlatformView | GrowResult | ShrinkResult | undefined): string;
}

export interface CommandOptions {
  /**
   * allocate, grow: committed with `active`; before that a crash undoes the command, and nothing is
   * remembered. release, shrink: with the intent, which is always carried out.
   */
  readonly remember?: Remember;
}

export interface AllocateRequest {
  readonly cores: number;
  /** Bytes in all: local first, the rest remote. Not with the two below. */
  readonly memory?: string;
  readonly localMemory?: string;
  /** Bytes; rounded up to segments. */
  readonly remoteMemory?: string;
  /** Percent of a transceiver, 0 to 100. Default 0. */
  readonly pathUtil?: number;
  /** Default: the configured one. */
  readonly policy?: string;
  readonly name?: string;
  /** The compute brick. Default: the policy's choice. */
  readonly brick?: BrickId;
  /** Defaults: the brick's, from the topology. */
  readonly mode?: AttachmentMode;
  readonly node?: number;
  /** Released unless kept alive. */
  readonly leaseTtlMs?: number;
}

export interface GrowRequest {
  /** Bytes; rounded up to segments. */
  readonly size: string;
  /** Default: the platform's. */
  readonly pathUtil?: number;
  readonly policy?: string;
  /** Taken; nothing is ever migrated, and the answer says so. */
  readonly migrateOK?: boolean;
}

/** Neither: all remote memory. */
export interface ShrinkRequest {
  /** Bytes. Whole attachments go: those whose sum comes nearest to it and is not less. */
  readonly size?: string;
  readonly attachment?: string;
}

/** A grow as a question: of a platform that exists. */
export type PlanRequest = AllocateRequest | (GrowRequest & { readonly platform: number });

export interface AttachmentView extends Omit<AttachmentRecord, 'bytes'> {
  /** Bytes. */
  readonly size: string;
  /** Remote address of the first byte. */
  readonly remote: string;
}

export interface PlatformView extends Omit<PlatformRecord, 'attachments'> {
  readonly attachments: readonly AttachmentView[];
  /** Bytes of all attachments. */
  readonly remoteMemory: string;
  /** Of its compute brick, where it has them. */
  readonly address?: string;
  readonly ip?: string;
}

export interface GrowResult {
  readonly platform: PlatformView;
  /** Ids of what is new. */
  readonly attached: readonly string[];
  /** Only where `migrateOK` was given: this version does not migrate. */
  readonly domigrate?: false;
}

export interface ShrinkResult {
  readonly platform: PlatformView;
  /** Ids of what is gone. */
  readonly detached: readonly string[];
  /** Bytes: not less than what was asked, unless there was not as much. */
  readonly freed: string;
}

/** Why not: the reservation core's words, bricks and switches by their ids. */
export interface RefusalView {
  readonly resource: string;
  readonly where: unknown;
  readonly asked: unknown;
  readonly found: unknown;
  readonly message: string;
  /** What would have worked, as a request. */
  readonly nearest?: Readonly<Record<string, unknown>>;
}

/** D4.4's way to tell a tray: per switch, (number of the pair's switch, in, out). */
export interface SwitchesConfigs {
  readonly dBOXSwitchesConfigs: readonly {
    readonly switchId: string;
    readonly dRackId: number;
    readonly dBoxId?: number;
    /** The string that goes to the dBMC. */
    readonly ports: string;
    readonly dBOXSwitchConfig: readonly (readonly [number, number])[];
  }[];
}

export interface PlanView {
  readonly brick: BrickId;
  readonly island: number;
  readonly cores: number;
  readonly localMemory: string;
  readonly remoteMemory: string;
  readonly attachments: readonly Omit<AttachmentView, 'state' | 'id'>[];
  readonly switches: SwitchesConfigs;
  /** D4.4's command to the agent. `startA` counts from 0: where in its window is the agent's choice. */
  readonly command: unknown;
}

export type ExplainView =
  | { readonly fits: true; readonly plan: PlanView }
  | { readonly fits: false; readonly refusal: RefusalView };

export interface TotalsView {
  readonly cores: number;
  readonly coresFree: number;
  /** Most that one platform can have: in one coherent island. */
  readonly coresFreeIsland: number;
  readonly localMemory: string;
  readonly localMemoryFree: string;
  readonly segmentSize: string;
  readonly segments: number;
  readonly segmentsFree: number;
  /** Wait for their scrub. */
  readonly segmentsDirty: number;
  readonly segmentsQuarantined: number;
  readonly platforms: number;
}

/** What the reconcile loop last saw. */
export const LIVENESS = ['inventory', 'unknown', 'up', 'unreachable', 'lost', 'fenced'] as const;
export type Liveness = (typeof LIVENESS)[number];

/** lost: not for long enough; no new path goes over it. */
export const SWITCH_LIVENESS = ['inventory', 'unknown', 'up', 'unreachable', 'lost'] as const;
export type SwitchLiveness = (typeof SWITCH_LIVENESS)[number];

export interface BrickView {
  readonly id: BrickId;
  readonly type: 'compute' | 'memory' | 'accelerator';
  readonly address?: string;
  readonly ip?: string;
  /** inventory: it has no address, and nothing is programmed there. */
  readonly liveness: Liveness;
  readonly drained: boolean;
  /** compute */
  readonly cores?: { readonly total: number; readonly free: number };
  readonly localMemory?: { readonly total: string; readonly free: string };
  /** memory */
  readonly segments?: {
    readonly total: number;
    readonly free: number;
    readonly dirty: number;
    readonly quarantined: number;
  };
  readonly transceivers: number;
  /** Platforms that have something of it. */
  readonly platforms: readonly number[];
}

export interface SwitchView {
  readonly id: string;
  readonly kind: 'electrical' | 'optical';
  readonly ports: number;
  /** Of its dBMC. */
  readonly liveness: SwitchLiveness;
  readonly dbmc?: string;
  readonly connections: readonly {
    readonly in: number;
    readonly out: number;
    readonly attachments: readonly string[];
  }[];
}

/** What differs from what should be, as the reconcile loop last saw it. */
export interface DriftView {
  readonly checked: string | null;
  readonly items: readonly {
    readonly where: string;
    readonly what: string;
    readonly since: string;
    /** repaired: by itself; reported: not ours to touch; waiting: what it needs does not answer. */
    readonly done: 'repaired' | 'reported' | 'waiting';
  }[];
}

export interface TrayView {
  readonly id: string;
  readonly address: string;
  readonly seen: string;
  readonly bricks: number;
}

/** What happens, as `GET /v1/events` tells it. */
export type ControllerEvent =
  | {
      readonly kind: 'platform';
      readonly id: number;
      /** released: it is gone. */
      readonly state: PlatformState | 'released';
      readonly platform: PlatformView;
    }
  | {
      readonly kind: 'attachment';
      readonly id: string;
      readonly platform: number;
      readonly state: AttachmentState;
      readonly error?: ErrorView;
    }
  | {
      readonly kind: 'brick';
      readonly id: BrickId;
      readonly liveness: Liveness;
      readonly drained: boolean;
    }
  | {
      readonly kind: 'scrub';
      readonly memory: BrickId;
      readonly first: number;
      readonly count: number;
      readonly clean: boolean;
    }
  | { readonly kind: 'drift'; readonly where: string; readonly what: string; readonly done: string }
  | { readonly kind: 'tray'; readonly id: string; readonly event: unknown }
  | {
      readonly kind: 'lease';
      readonly id: string;
      readonly platform: number;
      readonly expired: boolean;
    }
  | { readonly kind: 'epoch'; readonly epoch: string }
  | {
      readonly kind: 'reconciled';
      readonly settled: readonly number[];
      readonly waiting: readonly number[];
    };

export interface Problem {
  readonly about: string;
  readonly text: string;
}

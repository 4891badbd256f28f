import type { Attachment, AttachmentState, StepName } from './types.js';

/** What happened, as `GET /v1/events` tells it. */
export type EventBody =
  /** An attachment came to rest, was freed, failed, or began to wait. */
  | {
      readonly kind: 'attachment';
      readonly id: string;
      readonly state: AttachmentState;
      readonly attachment: Attachment;
    }
  /** A transceiver went down or came up (or did so in between: `downs` rose). */
  | {
      readonly kind: 'link';
      readonly transceiver: number;
      readonly up: boolean;
      readonly downs: bigint;
      /** Ids of those that go over it. */
      readonly attachments: readonly string[];
    }
  /** A memport was set or cleared by hand. */
  | {
      readonly kind: 'memport';
      readonly port: number;
      readonly set: boolean;
      readonly by: string;
    }
  /** A controller with a higher term took over. */
  | { readonly kind: 'epoch'; readonly epoch: bigint; readonly controller: string }
  /** What the agent found at its start, and did about it; ids of attachments. */
  | {
      readonly kind: 'reconciled';
      readonly rebooted: boolean;
      readonly kept: readonly string[];
      readonly restored: readonly string[];
      readonly undone: readonly string[];
      readonly waiting: readonly string[];
      readonly failed: readonly string[];
      /** Memports that nobody owns. */
      readonly foreign: readonly number[];
    };

/**
 * Where the core tells what happens. Every call returns at once and never throws: who listens
 * (stream, metrics) must not be able to hold up or break a command.
 */
export interface Observer {
  event(body: EventBody): void;
  /** A step of an attach or detach ended. */
  step(step: StepName, ms: number, ok: boolean): void;
}

export const NO_OBSERVER: Observer = { event() {}, step() {} };

import {
  hex,
  isLinkUp,
  type MemportRegisters,
  STATUS,
  statusMeaning,
  statusName,
  transceiverOf,
} from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import { waitFor } from '../../common/wait.js';
import type { RegisterBackend } from '../backend/types.js';
import type { Turn } from '../queue.js';
import { codeOf } from '../memory/errors.js';
import type { Range } from '../memory/blocks.js';
import type { MappedRange, MemoryPath } from '../memory/types.js';
import type { AttachmentMode, AttachmentState, Caller, Checks, Share, StepName } from '../types.js';
import { usedByOthers } from './overlap.js';
import type { Journal } from './journal.js';
import type { AttachmentRecord } from './record.js';
import { checkStillOurs } from './still-ours.js';
import type { AttachmentTable } from './table.js';

/** What stages work on. */
export interface StageContext {
  readonly backend: RegisterBackend;
  readonly memory: MemoryPath;
  /** Of all attachments: some may lead to the same bytes. */
  readonly table: AttachmentTable;
  /** Of this brick, by today's configuration. */
  readonly shares: readonly Share[];
  readonly checks: Checks;
  /** What of the journal is looked at: memports by hand. */
  readonly journal: Pick<Journal, 'state'>;
  /** Of the command: given away only while nothing is looked at or changed. */
  readonly turn: Turn;
  /** Who commands; undefined where the agent acts by itself, as at its start. */
  readonly caller?: Caller | undefined;
  readonly linkTimeoutMs: number;
  readonly offlineTimeoutMs: number;
}

/** One direction of a stage. Idempotent: done twice it ends in the same place. */
export interface Step {
  readonly name: StepName;
  /** State of the attachment afterwards; without one the state stays. */
  readonly state?: AttachmentState;
  /** Does nothing to the world, so nothing is journalled before it. */
  readonly passive?: true;
  /** False: there is nothing to do for this attachment, and the step is left out. */
  applies?(record: AttachmentRecord): boolean;
  run(context: StageContext, record: AttachmentRecord): Promise<void> | void;
}

/**
 * A part of the way from nothing to memory in use, with its way back. Stages are gone through in
 * order by attach and in reverse by detach and after a failure.
 */
export interface Stage {
  readonly name: string;
  readonly up?: Step;
  readonly down?: Step;
  /** A detach that is refused here goes forward again: the attachment is as before. */
  readonly revertible?: true;
}

/** For one memport. Devices answer within microseconds; this only bounds one that is broken. */
export const PROGRAM_MS = 1_000;
/** Between two looks at a link. */
const LINK_POLL_MS = 20;

export function rangeOf(record: AttachmentRecord): MappedRange {
  return { start: record.start, size: record.request.size, remote: record.remote };
}

const reserve: Stage = {
  name: 'reserve',
  up: { name: 'reserved', state: 'reserved', passive: true, run: () => {} },
  // it is in the state `free` once that is safe in the journal
  down: { name: 'free', passive: true, run: () => {} },
};

/** Ports between bricks are connected by whoever made the reservation; on its own a brick has none. */
const wire: Stage = {
  name: 'wire',
  up: { name: 'wired', state: 'wired', passive: true, run: () => {} },
  down: { name: 'unwired', state: 'unwired', passive: true, run: () => {} },
};

const link: Stage = {
  name: 'link',
  up: {
    name: 'linked',
    state: 'linked',
    passive: true,
    async run({ backend, turn, linkTimeoutMs }, record) {
      const transceiver = transceiverOf(record.outId, backend.info);
      if (transceiver === undefined) return;
      const up = (): true | undefined => isLinkUp(backend.linkStatus(), transceiver) || undefined;
      if (up() === true) return;
      const down = (cause?: unknown): SdmError =>
        linkDown(record, transceiver, linkTimeoutMs, cause);
      if (linkTimeoutMs === 0) throw down();
      const wait = { timeoutMs: linkTimeoutMs, intervalMs: LINK_POLL_MS };
      await turn.away(waitFor(`transceiver ${transceiver}`, up, wait)).catch((cause: unknown) => {
        throw codeOf(cause) === 'SDM_TIMEOUT' ? down(cause) : cause;
      });
    },
  },
};

function linkDown(
  record: AttachmentRecord,
  transceiver: number,
  waitedMs: number,
  cause: unknown,
): SdmError {
  const found = waitedMs === 0 ? 'is down' : `stayed down for ${waitedMs} ms`;
  return new SdmError(
    'SDM_LINK_DOWN',
    `transceiver ${transceiver}, which network id ${record.outId} goes over, ${found}: check the ` +
      'path, or name another one as outId',
    { details: { transceiver, waitedMs }, cause },
  );
}

/** True if the memport is set to exactly what the attachment asked for: a step done before. */
export function isOurs(port: MemportRegisters, record: AttachmentRecord): boolean {
  return (
    port.start === record.start &&
    port.end === record.start + record.request.size - 1n &&
    port.remote === record.remote &&
    port.outId === record.outId &&
    port.inId === record.request.inId
  );
}

/** Sets the memport, unless it is set to that already. */
export function program({ backend }: StageContext, record: AttachmentRecord): void {
  const { start, remote, outId, memport } = record;
  const found = backend.memport(memport);
  if (found.set && !isOurs(found, record)) {
    throw new SdmError(
      'SDM_MEMPORT_FOREIGN',
      `memport ${memport} was free when it was chosen and is set to ${hex(found.start)} now: ` +
        'another program writes to these registers',
      { details: { memport } },
    );
  }
  if (found.set && found.status === STATUS.ACTIVE) return;
  const end = start + record.request.size - 1n;
  const fields = { start, end, remote, outId, inId: record.request.inId };
  const status = backend.activate(memport, fields, PROGRAM_MS);
  if (status !== STATUS.ACTIVE) throw memportRefused(memport, status);
}

const programming: Stage = {
  name: 'program',
  up: {
    name: 'programmed',
    state: 'programmed',
    run: (context, record) => program(context, record),
  },
  down: {
    name: 'cleared',
    state: 'cleared',
    run({ backend, memory }, record) {
      const found = backend.memport(record.memport);
      if (found.set && !isOurs(found, record)) return;
      if (found.set) checkNobodyElse(memory, record);
      else if (found.status === STATUS.INACTIVE) return;
      const status = backend.clear(record.memport, PROGRAM_MS);
      if (status !== STATUS.INACTIVE) throw memportRefused(record.memport, status);
    },
  },
};

/** Whether the kernel's side holds exactly this range. */
export function isHeld(memory: MemoryPath, range: Range): boolean {
  return memory.held().some(({ start, size }) => start === range.start && size === range.size);
}

/** Whether brick or kernel have anything of it. */
export function isReached(
  { backend, memory }: Pick<StageContext, 'backend' | 'memory'>,
  record: AttachmentRecord,
): boolean {
  const found = backend.memport(record.memport);
  return isHeld(memory, rangeOf(record)) || (found.set && isOurs(found, record));
}

/** What the attachment had there is released by now: any region left is someone else's. */
function checkNobodyElse(memory: MemoryPath, record: AttachmentRecord): void {
  const { start, size } = rangeOf(record);
  const other = memory.held().find((r) => r.start < start + size && start < r.start + r.size);
  if (other === undefined) return;
  throw new SdmError(
    'SDM_MEMPORT_LIVE',
    `memport ${record.memport} stays set: sdmc_mem holds ${hex(other.start)}-` +
      `${hex(other.start + other.size - 1n)}, which it leads to and which is not of this ` +
      'attachment: give that back first',
    { details: { memport: record.memport, start: hex(other.start), size: hex(other.size) } },
  );
}

/**
 * The device's refusal of a memport as an error.
 * @param why what of the request was wrong, where that is known; default: what the STATUS means.
 */
export function memportRefused(port: number, status: number, why?: string): SdmError {
  return new SdmError(
    'SDM_MEMPORT_REFUSED',
    `memport ${port} ended with STATUS ${status} (${statusName(status)}): ` +
      (why ?? statusMeaning(status)),
    { details: { memport: port, status, statusName: statusName(status) } },
  );
}

const claim: Stage = {
  name: 'claim',
  up: { name: 'claimed', run: ({ memory }, record) => memory.claim(rangeOf(record)) },
  down: { name: 'released', run: ({ memory }, record) => memory.release(rangeOf(record)) },
};

/** Only on the way back, between the last use and the release. */
const flush: Stage = {
  name: 'flush',
  down: {
    name: 'flushed',
    state: 'flushed',
    run: ({ memory }, record) => memory.flush(rangeOf(record)),
  },
};

/**
 * Before the flush, so that the zeroes, too, are written back. Of what was in use before the last
 * boot only the bytes are left: they are reached once more.
 */
const scrub: Stage = {
  name: 'scrub',
  down: {
    name: 'scrubbed',
    applies: (record) => record.touched && !record.retain && record.waits === undefined,
    async run(context, record) {
      const { memory } = context;
      const range = rangeOf(record);
      checkStillOurs(context, record);
      program(context, record);
      if (!isHeld(memory, range)) {
        // the module may have come after the agent: nothing was attached through it yet
        await memory.prepare('device', -1);
        await memory.claim(range);
      }
      await memory.scrub(range, usedByOthers(context, record));
      record.touched = false;
    },
  },
};

const add: Stage = {
  name: 'add',
  up: {
    name: 'present',
    state: 'present',
    run: ({ memory }, record) => memory.add(rangeOf(record), record.request.node),
  },
  down: {
    name: 'absent',
    state: 'absent',
    run: ({ memory }, record) => memory.remove(rangeOf(record)),
  },
};

const online: Stage = {
  name: 'online',
  revertible: true,
  up: {
    name: 'online',
    state: 'online',
    run: ({ memory }, record) => memory.online(rangeOf(record)),
  },
  down: {
    name: 'offline',
    state: 'offline',
    run: ({ memory, offlineTimeoutMs }, record) =>
      memory.offline(rangeOf(record), offlineTimeoutMs),
  },
};

const expose: Stage = {
  name: 'expose',
  revertible: true,
  up: {
    name: 'present',
    state: 'present',
    async run({ memory }, record) {
      record.device = await memory.expose(rangeOf(record));
    },
  },
  down: {
    name: 'absent',
    state: 'absent',
    async run({ memory }, record) {
      await memory.conceal(rangeOf(record));
      record.device = undefined;
    },
  },
};

const COMMON = [reserve, wire, link, programming, claim, flush, scrub] as const;

/** The way of a mode, from the first stage to the one it rests in. */
export const STAGES: Readonly<Record<AttachmentMode, readonly Stage[]>> = {
  'system-ram': [...COMMON, add, online],
  device: [...COMMON, expose],
};

/** The first stage after which someone may write to the range. */
export const TOUCHED_BY: Readonly<Record<AttachmentMode, string>> = {
  'system-ram': 'online',
  device: 'expose',
};

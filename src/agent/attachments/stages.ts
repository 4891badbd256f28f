import {
  hex,
  statusMeaning,
  statusName,
  STATUS,
  transceiverOf,
  type MemportRegisters,
} from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import { waitFor } from '../../common/wait.js';
import type { RegisterBackend } from '../backend/types.js';
import { codeOf } from '../memory/errors.js';
import type { MappedRange, MemoryPath } from '../memory/types.js';
import type { AttachmentMode, AttachmentState, StepName } from '../types.js';
import type { AttachmentRecord } from './record.js';

/** What stages work on. */
export interface StageContext {
  readonly backend: RegisterBackend;
  readonly memory: MemoryPath;
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

function rangeOf(record: AttachmentRecord): MappedRange {
  return { start: record.start, size: record.request.size, remote: record.remote };
}

const reserve: Stage = {
  name: 'reserve',
  up: { name: 'reserved', state: 'reserved', passive: true, run: () => {} },
  down: { name: 'free', state: 'free', passive: true, run: () => {} },
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
    async run({ backend, linkTimeoutMs }, record) {
      const transceiver = transceiverOf(record.outId, backend.info);
      if (transceiver === undefined) return;
      const up = (): true | undefined =>
        ((backend.linkStatus() >> BigInt(transceiver)) & 1n) === 1n || undefined;
      const wait = { timeoutMs: linkTimeoutMs, intervalMs: LINK_POLL_MS };
      await waitFor(`transceiver ${transceiver}`, up, wait).catch((cause: unknown) => {
        if (codeOf(cause) !== 'SDM_TIMEOUT') throw cause;
        throw new SdmError(
          'SDM_LINK_DOWN',
          `transceiver ${transceiver}, which network id ${record.outId} goes over, stayed down ` +
            `for ${linkTimeoutMs} ms: check the path, or name another one as outId`,
          { details: { transceiver, waitedMs: linkTimeoutMs }, cause },
        );
      });
    },
  },
};

/** True if the memport is set to exactly what the attachment asked for: a step done before. */
function isOurs(port: MemportRegisters, record: AttachmentRecord): boolean {
  return (
    port.start === record.start &&
    port.end === record.start + record.request.size - 1n &&
    port.remote === record.remote &&
    port.outId === record.outId &&
    port.inId === record.request.inId
  );
}

const program: Stage = {
  name: 'program',
  up: {
    name: 'programmed',
    state: 'programmed',
    run({ backend }, record) {
      const { start, remote, outId, memport } = record;
      const found = backend.memports()[memport];
      if (found?.set === true && !isOurs(found, record)) {
        throw new SdmError(
          'SDM_MEMPORT_FOREIGN',
          `memport ${memport} was free when it was chosen and is set to ${hex(found.start)} now: ` +
            'another program writes to these registers',
          { details: { memport } },
        );
      }
      const end = start + record.request.size - 1n;
      const fields = { start, end, remote, outId, inId: record.request.inId };
      const status = backend.activate(memport, fields, PROGRAM_MS);
      if (status !== STATUS.ACTIVE) throw memportRefused(memport, status);
    },
  },
  down: {
    name: 'cleared',
    state: 'cleared',
    run({ backend }, record) {
      const found = backend.memports()[record.memport];
      if (found?.set === true && !isOurs(found, record)) return;
      const status = backend.clear(record.memport, PROGRAM_MS);
      if (status !== STATUS.INACTIVE) throw memportRefused(record.memport, status);
    },
  },
};

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

/** Before the flush, so that the zeroes, too, are written back. */
const scrub: Stage = {
  name: 'scrub',
  down: {
    name: 'scrubbed',
    applies: (record) => record.touched && !record.retain,
    run: ({ memory }, record) => memory.scrub(rangeOf(record)),
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

const COMMON = [reserve, wire, link, program, claim, flush, scrub] as const;

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

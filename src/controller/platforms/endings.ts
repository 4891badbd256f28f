import { SdmError } from '../../common/errors.js';
import type { EventLog } from '../../common/server/event-log.js';
import type { CommitName } from '../faults.js';
import type { AttachmentRecord, AttachmentState, PlatformRecord, ScrubRecord } from '../records.js';
import type { Reservations } from '../reservation/types.js';
import type { Put } from '../store/types.js';
import { isPassing } from '../synthesizer/retry.js';
import type { Site } from '../synthesizer/site.js';
import type { AttachmentSteps, Settled } from '../types.js';
import type { ControllerEvent } from '../views.js';
import { reservationOf, reservationsOf } from './convert.js';
import { leaseId, leaseKey } from './keys.js';
import type { Ledger } from './ledger.js';
import { platformView, snapshotOf } from './view.js';
import { turnBack } from './turn-back.js';
import { errorView, takeDown, type Down, type DownOptions } from './works.js';

export interface EndingParts {
  readonly site: Site;
  readonly core: Reservations;
  readonly ledger: Ledger;
  readonly steps: AttachmentSteps;
  readonly events: EventLog<ControllerEvent>;
}

type Ending = 'undo' | 'release' | 'shrink';

/** Of attachments in use: nothing that ends takes them along. */
const STAYS: ReadonlySet<AttachmentState> = new Set(['attached', 'failed']);

interface Commit {
  readonly forget: boolean;
  readonly put?: readonly Put[] | undefined;
  /** Keys that stand for something that was turned back. */
  readonly forgotten?: readonly string[];
}

export interface Ended {
  readonly settled: Settled;
  /** Why something is still there; of several the first. */
  readonly error?: unknown;
}

/** Where `begun` is not given an agent may have all of them. */
export interface EndingOptions extends DownOptions {
  /** Nothing of it is at any daemon. */
  readonly unprogrammed?: boolean;
  /** More for the commit that ends it. */
  readonly put?: readonly Put[];
}

/** Takes back what a platform has: for commands, and for what a crash has left of them. */
export class Endings {
  readonly #parts: EndingParts;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** The caller has the platform's turn. */
  async settle(record: PlatformRecord): Promise<Ended> {
    switch (record.state) {
      case 'active':
        return { settled: 'active' };
      case 'changing':
        return this.change(record);
      case 'releasing':
        return this.all(record, 'release');
      default:
        return this.all(record, 'undo');
    }
  }

  /** The whole platform. */
  async all(
    record: PlatformRecord,
    ending: 'undo' | 'release',
    options: EndingOptions = {},
  ): Promise<Ended> {
    const downs = await this.#takeDown(record, record.attachments, options);
    const failed = downs.find(({ gone }) => !gone);
    if (failed !== undefined) {
      if (ending === 'undo') record.state = 'failed';
      record.error = errorView(failed.error);
    }
    await this.#commit(ending, record, downs, { forget: failed === undefined, put: options.put });
    return failed === undefined ? { settled: 'gone' } : { settled: 'pending', error: failed.error };
  }

  /**
   * Of a platform that grows or shrinks, those that are not in use: they go. What an agent refuses to
   * give back stays attached, and the shrink is turned back as far as that goes.
   */
  async change(record: PlatformRecord, options: EndingOptions = {}): Promise<Ended> {
    const leaving = record.attachments.filter(({ state }) => !STAYS.has(state));
    const shrinking = new Set(leaving.filter(({ state }) => state === 'detaching'));
    const downs = await this.#takeDown(record, leaving, options);
    const failed = downs.filter(({ gone }) => !gone);
    for (const { attachment, error } of failed) {
      const refused = shrinking.has(attachment) && attachment.state === 'detaching';
      if (refused && !isPassing(error)) turnBack(attachment);
    }
    const left = failed.filter(({ attachment: { state } }) => !STAYS.has(state));
    record.state = left.length === 0 ? 'active' : 'changing';
    const turnedBack = failed.length > 0 && left.length === 0 ? record.remembered : undefined;
    if (record.state === 'active') delete record.remembered;
    const [first] = left.length > 0 ? left : failed;
    if (first === undefined) delete record.error;
    else record.error = errorView(first.error);
    const ending = shrinking.size > 0 ? 'shrink' : 'undo';
    const forgotten = turnedBack === undefined ? [] : [turnedBack];
    const commit = { forget: false, put: options.put, forgotten };
    await this.#commit(ending, record, downs, commit).catch((error: unknown) => {
      record.state = 'changing'; // nothing of it is stored
      throw error;
    });
    const settled = record.state === 'active' ? 'active' : 'pending';
    return first === undefined ? { settled } : { settled, error: first.error };
  }

  /**
   * Scrubs what waits at a memory brick: each range that can be, whatever became of those before it.
   * @returns how many are clean now.
   * @throws the first failure, once all were tried; the rest is not where nobody answers.
   */
  async scrubs(memory: string): Promise<number> {
    const { ledger, steps, core, site } = this.#parts;
    const waiting = [...ledger.scrubs.values()].filter((each) => each.memory === memory);
    let clean = 0;
    let failed: { readonly error: unknown } | undefined;
    for (const scrub of waiting) {
      try {
        await steps.ensureScrubbed({ ...scrub, id: scrub.attachment });
      } catch (error) {
        failed ??= { error };
        if (error instanceof SdmError && error.code === 'SDM_UNREACHABLE') break;
        continue;
      }
      await ledger.commit('scrub.end', { scrubbed: [scrub] });
      core.clean(site.memories.get(memory)!.index, scrub.first, scrub.count);
      this.#tellScrub(scrub, true);
      clean += 1;
    }
    if (failed !== undefined) throw failed.error;
    return clean;
  }

  tell(record: PlatformRecord, state: PlatformRecord['state'] | 'released' = record.state): void {
    const { events, site, ledger } = this.#parts;
    // as it was stored, which is never changed; seen by whoever reads events, so made for them only
    const stored = ledger.shown.get(record.id) ?? record;
    events.append({
      ...{ kind: 'platform', id: record.id, state },
      get platform() {
        return platformView(site, stored);
      },
    });
  }

  async #takeDown(
    record: PlatformRecord,
    leaving: readonly AttachmentRecord[],
    { unprogrammed, ...options }: EndingOptions,
  ): Promise<Down[]> {
    if (unprogrammed) {
      return leaving.map((attachment) => ({ attachment, gone: true, clean: true }));
    }
    return takeDown(this.#parts.steps, record, leaving, options);
  }

  /** Stores what is left; only then is what is gone anybody's. */
  async #commit(
    ending: Ending,
    record: PlatformRecord,
    downs: readonly Down[],
    { forget, put = [], forgotten = [] }: Commit,
  ): Promise<void> {
    const { ledger } = this.#parts;
    const before = record.attachments;
    const gone = downs.filter((down) => down.gone);
    const left = new Set(gone.map(({ attachment }) => attachment));
    const since = new Date().toISOString();
    const scrubs = gone
      .filter(({ clean }) => !clean)
      .map(({ attachment: { id, memory, first, count, bytes } }): ScrubRecord => {
        const where = bytes === undefined ? {} : { bytes };
        return { memory, first, count, ...where, attachment: id, since };
      });
    const keep = { ...record, attachments: before };
    record.attachments = before.filter((each) => !left.has(each));
    const pending = !forget && record.state !== 'active';
    const name: CommitName = `${ending}.${pending ? 'pending' : 'end'}`;
    try {
      if (forget) {
        const lease = record.lease === undefined ? [] : [leaseKey(record.id)];
        await ledger.commit(name, { forget: [record.id], scrubs, put, delete: lease });
      } else if (gone.length > 0 || this.#differs(record) || forgotten.length > 0) {
        await ledger.commit(name, { save: [record], scrubs, put, delete: forgotten });
      }
    } catch (error) {
      record.attachments = before; // nothing of it is stored: it is still there
      throw error;
    }
    this.#release(keep, gone, forget);
    if (forget && record.lease !== undefined) {
      // ends by itself otherwise
      void ledger.store.revokeLease(leaseId(record.id)).catch(() => {});
    }
    for (const scrub of scrubs) this.#tellScrub(scrub, false);
    this.tell(record, forget ? 'released' : record.state);
  }

  #differs(record: PlatformRecord): boolean {
    const shown = this.#parts.ledger.shown.get(record.id);
    return JSON.stringify(snapshotOf(record)) !== JSON.stringify(shown);
  }

  #tellScrub({ memory, first, count }: ScrubRecord, clean: boolean): void {
    this.#parts.events.append({ kind: 'scrub', memory, first, count, clean });
  }

  /** In the core: one attachment after the other, since each changes what is left of its reservation. */
  #release(before: PlatformRecord, gone: readonly Down[], whole: boolean): void {
    const { site, core } = this.#parts;
    const rest = { ...before, attachments: [...before.attachments] };
    for (const { attachment, clean } of gone) {
      const reservation = reservationOf(site, rest, attachment.reservation);
      const run = rest.attachments
        .filter((each) => each.reservation === attachment.reservation)
        .indexOf(attachment);
      core.release(reservation, { runs: [run], dirty: !clean });
      rest.attachments.splice(rest.attachments.indexOf(attachment), 1);
    }
    if (!whole) return;
    for (const number of reservationsOf(rest)) core.release(reservationOf(site, rest, number));
  }
}

/** What a command ends with whose step failed. */
export function stepFailed(
  what: string,
  cause: unknown,
  record: PlatformRecord,
  ended: Ended,
  otherwise = 'all of it is undone',
): unknown {
  if (!(cause instanceof SdmError) || isEnd(cause)) return cause;
  const pending = ended.settled === 'pending';
  const left = pending && ended.error !== cause ? ` (${errorView(ended.error).message})` : '';
  const rest = pending
    ? `; platform ${record.id} is ${record.state}${left}: it goes on by itself as soon as that answers`
    : `; ${otherwise}`;
  return new SdmError(pending ? 'SDM_FAILED' : 'SDM_STEP', `${what}: ${cause.message}${rest}`, {
    details: { ...cause.details, cause: cause.code, ...(pending ? { platform: record.id } : {}) },
    cause,
  });
}

/** After these this process does nothing more. */
export function isEnd(error: unknown): boolean {
  if (!(error instanceof SdmError)) return false;
  // said by the store; where a brick says it, the step has its name
  const isReplaced = error.code === 'SDM_STALE_EPOCH' && error.details?.['step'] === undefined;
  return isReplaced || error.code === 'SDM_STORE';
}

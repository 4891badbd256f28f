import { SdmError } from '../../common/errors.js';
import type { BrickId } from '../records.js';
import type { Reservations } from '../reservation/types.js';
import type { Liveness } from '../views.js';
import type { Context } from './context.js';

/** Segments of a memory brick, in the core's numbers. */
interface Run {
  readonly memory: number;
  readonly first: number;
  readonly count: number;
}

/**
 * Which bricks answer. One that has not for long enough is lost: nothing new goes there, and the
 * segments that it has are quarantined, until it answers again or is fenced.
 */
export class BrickLiveness {
  readonly #context: Context;
  /** When a brick last began not to answer, by performance.now(); undefined: it answered. */
  readonly #silent = new Map<BrickId, number | undefined>();
  #core: Reservations | undefined;
  readonly #quarantined = new Map<BrickId, readonly Run[]>();

  constructor(context: Context) {
    this.#context = context;
  }

  of(id: BrickId): Liveness {
    const { parts, port } = this.#context;
    const record = port.brickRecord(id);
    if (record?.fenced !== undefined) return 'fenced';
    if (record?.lost !== undefined) return 'lost';
    const site = parts.site.computes.get(id) ?? parts.site.memories.get(id);
    if (site?.address === undefined) return 'inventory';
    if (!this.#silent.has(id)) return 'unknown';
    return this.#silent.get(id) === undefined ? 'up' : 'unreachable';
  }

  /** What was lost before a restart still is, and a core that is made anew has to be told. */
  refresh(): void {
    const { parts, port } = this.#context;
    if (this.#core === parts.core) return;
    this.#core = parts.core;
    this.#quarantined.clear();
    for (const id of parts.site.computes.keys()) {
      if (port.brickRecord(id) !== undefined) this.#quarantine(id);
    }
  }

  /** It answered. Whether it is let in again is another question: `back`. */
  answered(id: BrickId): void {
    const first = !this.#silent.has(id);
    const was = this.#silent.get(id);
    this.#silent.set(id, undefined);
    if (was !== undefined || first) this.tell(id);
  }

  /** It did not answer. @param why for people. */
  async silent(id: BrickId, why: string): Promise<void> {
    const { options } = this.#context;
    const since = this.#silent.get(id);
    if (since === undefined) {
      this.#silent.set(id, performance.now());
      this.tell(id);
    }
    if (performance.now() - (this.#silent.get(id) ?? 0) >= options.lostAfterMs) {
      await this.lost(id, why);
    }
  }

  /** Nothing new goes there, and what it has goes to nobody else. */
  async lost(id: BrickId, why: string): Promise<void> {
    const { port, parts } = this.#context;
    const lost = { since: new Date().toISOString(), why };
    const changed = await port.setBrick(id, (record) =>
      record.lost === undefined ? { ...record, lost } : undefined,
    );
    if (!changed) return;
    this.#quarantine(id);
    parts.log.warn({ brick: id, why }, 'a brick is lost');
    this.tell(id);
  }

  /**
   * Proved to reach nothing any more: what it has may be scrubbed and given to others. It was lost when
   * that was proved, and was not let in since: whoever proves it sees to that (`fencing`).
   */
  async fenced(id: BrickId, proof: string): Promise<void> {
    const { port, parts } = this.#context;
    const fenced = { since: new Date().toISOString(), proof };
    await port.setBrick(id, (record) => {
      if (record.lost !== undefined) return { ...record, fenced };
      throw new SdmError('SDM_CONFLICT', `brick ${id} was let in again while it was fenced`);
    });
    this.#quarantine(id);
    parts.log.warn({ brick: id, proof }, 'a brick is fenced');
    this.tell(id);
  }

  /**
   * A brick that was fenced answers: from here on it is asked to give back what is released. What it has
   * is looked at only after that.
   */
  async answersAgain(id: BrickId): Promise<void> {
    const { port, parts } = this.#context;
    const changed = await port.setBrick(id, ({ fenced, ...rest }) =>
      fenced === undefined || this.#context.fencing.has(id) ? undefined : rest,
    );
    if (!changed) return;
    this.#quarantine(id);
    parts.log.info({ brick: id }, 'a brick that was fenced answers');
    this.tell(id);
  }

  /**
   * It answers, and has nothing that is not its own.
   * @returns false: it was fenced meanwhile, or is just being.
   */
  async back(id: BrickId): Promise<boolean> {
    const { port, parts } = this.#context;
    const changed = await port.setBrick(id, ({ fenced, drained }) => {
      if (fenced !== undefined || this.#context.fencing.has(id)) return undefined;
      return drained === undefined ? {} : { drained };
    });
    if (!changed) return false;
    this.#quarantine(id);
    parts.log.info({ brick: id }, 'a brick is back');
    this.tell(id);
    return true;
  }

  tell(id: BrickId): void {
    const { port } = this.#context;
    const drained = port.brickRecord(id)?.drained === true;
    port.events.append({ kind: 'brick', id, liveness: this.of(id), drained });
  }

  /** As its record says: what a brick has that is lost, and not fenced, is in quarantine. */
  #quarantine(id: BrickId): void {
    const { parts, port } = this.#context;
    if (this.#core !== parts.core) return this.refresh(); // made anew since: it knows of none
    this.#unquarantine(id);
    const { lost, fenced } = port.brickRecord(id) ?? {};
    if (lost === undefined || fenced !== undefined) return;
    const runs = [...port.platforms.values()]
      .filter(({ brick }) => brick === id)
      .flatMap(({ attachments }) => attachments)
      .map(({ memory, first, count }) => ({
        ...{ memory: parts.site.memories.get(memory)!.index, first, count },
      }));
    for (const { memory, first, count } of runs) parts.core.quarantine(memory, first, count);
    this.#quarantined.set(id, runs);
  }

  #unquarantine(id: BrickId): void {
    const { core } = this.#context.parts;
    for (const { memory, first, count } of this.#quarantined.get(id) ?? []) {
      core.unquarantine(memory, first, count);
    }
    this.#quarantined.delete(id);
  }
}

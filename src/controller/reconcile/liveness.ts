import type { BrickId, BrickRecord } from '../records.js';
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
    const site = parts.site.computes.get(id) ?? parts.site.memories.get(id);
    if (site?.address === undefined) return 'inventory';
    const record = port.brickRecord(id);
    if (record?.fenced !== undefined) return 'fenced';
    if (record?.lost !== undefined) return 'lost';
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
      const record = port.brickRecord(id);
      if (record?.lost !== undefined && record.fenced === undefined) this.#quarantine(id);
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
    const record = port.brickRecord(id) ?? {};
    if (record.lost !== undefined) return;
    await port.setBrick(id, { ...record, lost: { since: new Date().toISOString(), why } });
    this.#quarantine(id);
    parts.log.warn({ brick: id, why }, 'a brick is lost');
    this.tell(id);
  }

  /** Proved to reach nothing any more: what it has may be scrubbed and given to others. */
  async fenced(id: BrickId, proof: string): Promise<void> {
    const { port, parts } = this.#context;
    const record = port.brickRecord(id) ?? {};
    const fenced = { since: new Date().toISOString(), proof };
    await port.setBrick(id, { ...record, fenced });
    this.#unquarantine(id);
    parts.log.warn({ brick: id, proof }, 'a brick is fenced');
    this.tell(id);
  }

  /** It answers, and has nothing that is not its own. */
  async back(id: BrickId): Promise<void> {
    const { port, parts } = this.#context;
    const { drained } = port.brickRecord(id) ?? {};
    const record: BrickRecord = drained === undefined ? {} : { drained };
    await port.setBrick(id, record);
    this.#unquarantine(id);
    parts.log.info({ brick: id }, 'a brick is back');
    this.tell(id);
  }

  tell(id: BrickId): void {
    const { port } = this.#context;
    const drained = port.brickRecord(id)?.drained === true;
    port.events.append({ kind: 'brick', id, liveness: this.of(id), drained });
  }

  #quarantine(id: BrickId): void {
    const { parts, port } = this.#context;
    const runs = [...port.platforms.values()]
      .filter(({ brick }) => brick === id)
      .flatMap(({ attachments }) => attachments)
      .map(({ memory, first, count }) => ({
        ...{ memory: parts.site.memories.get(memory)!.index, first, count },
      }));
    this.#unquarantine(id);
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

import type { Reservations } from '../reservation/types.js';
import type { SwitchLiveness } from '../views.js';
import type { Context } from './context.js';

/**
 * Which switches' dBMCs answer. One that has not for long enough gets no new path: there are others, and
 * a path that cannot be set would only hold what it was reserved with. Paths that there are stay.
 */
export class SwitchesLiveness {
  readonly #context: Context;
  /** When its dBMC last began not to answer, by performance.now(); undefined: it answered. */
  readonly #silent = new Map<string, number | undefined>();
  readonly #avoided = new Set<string>();
  #core: Reservations | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  of(id: string): SwitchLiveness {
    if (this.#context.parts.site.switches.get(id)?.address === undefined) return 'inventory';
    if (this.#avoided.has(id)) return 'lost';
    if (!this.#silent.has(id)) return 'unknown';
    return this.#silent.get(id) === undefined ? 'up' : 'unreachable';
  }

  lost(): readonly string[] {
    return [...this.#avoided];
  }

  answered(id: string): void {
    this.#silent.set(id, undefined);
    if (!this.#avoided.delete(id)) return;
    this.#apply(id);
    this.#context.parts.log.info({ switch: id }, 'a switch answers again: paths may go over it');
  }

  silent(id: string): void {
    const { options, parts } = this.#context;
    const since = this.#silent.get(id) ?? performance.now();
    this.#silent.set(id, since);
    if (performance.now() - since < options.lostAfterMs || this.#avoided.has(id)) return;
    this.#avoided.add(id);
    this.#apply(id);
    parts.log.warn({ switch: id }, 'a switch does not answer: no new path goes over it');
  }

  /** A core that is made anew has to be told; one without a daemon any more is inventory. */
  refresh(): void {
    const { core, site } = this.#context.parts;
    for (const id of [...this.#avoided]) {
      if (site.switches.get(id)?.address === undefined) this.answered(id);
    }
    if (this.#core === core) return;
    this.#core = core;
    for (const id of this.#avoided) this.#apply(id);
  }

  #apply(id: string): void {
    const { core, site } = this.#context.parts;
    const index = site.switches.get(id)?.index;
    if (index !== undefined) core.setSwitchUsable(index, !this.#avoided.has(id));
  }
}

import type { EventLog } from '../../common/server/event-log.js';
import type { ControllerEvent, DriftView } from '../views.js';
import type { DriftDone } from './types.js';

interface Item {
  readonly since: string;
  readonly done: DriftDone;
}

/** What differs from what should be, as it was last seen, place by place. */
export class Drift {
  readonly #places = new Map<string, Map<string, Item>>();
  readonly #events: EventLog<ControllerEvent>;
  #checked: string | null = null;

  constructor(events: EventLog<ControllerEvent>) {
    this.#events = events;
  }

  /** All that was found at a place this time; what was found before and is not among it is gone. */
  replace(
    where: string,
    found: readonly { readonly what: string; readonly done: DriftDone }[],
  ): void {
    const now = new Date().toISOString();
    this.#checked = now;
    const before = this.#places.get(where);
    const items = new Map<string, Item>();
    for (const { what, done } of found) {
      const old = before?.get(what);
      items.set(what, { since: old?.since ?? now, done });
      if (old?.done !== done) this.#events.append({ kind: 'drift', where, what, done });
    }
    if (items.size > 0) this.#places.set(where, items);
    else this.#places.delete(where);
  }

  view(): DriftView {
    const items = [...this.#places].flatMap(([where, found]) =>
      [...found].map(([what, { since, done }]) => ({ where, what, since, done })),
    );
    return { checked: this.#checked, items };
  }
}

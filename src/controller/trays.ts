import { SdmError } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import { registerTray, type Registered } from './inventory/register-tray.js';
import type { Topology } from './inventory/topology-schema.js';
import type { Ledger } from './platforms/ledger.js';
import type { TrayView } from './views.js';

const TRAYS = 'trays/';

interface Known {
  readonly view: TrayView;
  readonly registration: unknown;
}

/** Trays that have registered: what they said, and when they were last heard. */
export class Trays {
  readonly #ledger: Pick<Ledger, 'store' | 'commit'>;
  readonly #log: Logger;
  readonly #known = new Map<string, Known>();
  /** Those that no longer go with the file. */
  readonly left: string[] = [];

  constructor(ledger: Pick<Ledger, 'store' | 'commit'>, log: Logger) {
    this.#ledger = ledger;
    this.#log = log;
  }

  /** Joins to a topology what trays said before. What no longer goes with it is left out, and logged. */
  async load(topology: Topology): Promise<Topology> {
    let joined = topology;
    for (const { key, value } of await this.#ledger.store.range(TRAYS)) {
      const known = JSON.parse(value) as Known;
      try {
        joined = registerTray(joined, known.registration).topology;
        this.#known.set(known.view.id, known);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.left.push(key.slice(TRAYS.length));
        this.#log.warn({ tray: key.slice(TRAYS.length) }, `tray is left out: ${message}`);
      }
    }
    return joined;
  }

  list(): TrayView[] {
    return [...this.#known.values()].map(({ view }) => view);
  }

  /** @throws SDM_NOT_FOUND: it has to register. */
  heard(id: string): void {
    const known = this.#known.get(id);
    if (known === undefined) {
      throw new SdmError('SDM_NOT_FOUND', `tray ${id} has not registered: POST /v1/trays first`, {
        details: { tray: id },
      });
    }
    this.#known.set(id, { ...known, view: { ...known.view, seen: new Date().toISOString() } });
  }

  /** What a registration comes to. @throws SDM_TOPOLOGY, SDM_BRICK_IN_USE. */
  joined(topology: Topology, registration: unknown, inUse: (id: string) => boolean): Registered {
    return registerTray(topology, registration, inUse);
  }

  /** Keeps it; durable when it resolves, if it said something new. @throws as `Ledger.commit`. */
  async keep(registration: unknown, isNew: boolean): Promise<TrayView> {
    const {
      id,
      address = '',
      bricks = [],
    } = registration as {
      readonly id: string;
      readonly address?: string;
      readonly bricks?: readonly unknown[];
    };
    const view: TrayView = { id, address, seen: new Date().toISOString(), bricks: bricks.length };
    const known = { view, registration };
    if (isNew || !this.#known.has(id)) {
      const value = JSON.stringify(known);
      await this.#ledger.commit('tray', { put: [{ key: `${TRAYS}${id}`, value }] });
    }
    this.#known.set(id, known);
    return view;
  }
}

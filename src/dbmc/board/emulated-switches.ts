import { SdmError } from '../../common/errors.js';
import type { FaultAt } from '../faults.js';
import { Turns } from '../turns.js';
import { CrossConnect, type Pair, type SwitchKind } from './cross-connect.js';
import type { Changed } from './types.js';

export interface SwitchHooks {
  /** Resolves when the connections are durable as they are now. */
  save(): Promise<void>;
  /** Brings the links behind these ports to what they should be. */
  updateLinks(id: string, pairs: readonly Pair[]): Promise<void>;
  /** Whether a test keeps the port from connecting. */
  stuck(id: string, port: number): boolean;
  readonly faults: FaultAt;
}

/** The cross-connects of an emulated board: what is connected is durable before it is answered. */
export class EmulatedSwitches {
  readonly #switches: ReadonlyMap<string, CrossConnect>;
  readonly #hooks: SwitchHooks;
  readonly #turns = new Turns();

  /** @param kept what was connected when the daemon before this one ended. */
  constructor(
    switches: readonly { readonly id: string; readonly kind: SwitchKind; readonly ports: number }[],
    kept: Readonly<Record<string, readonly Pair[]>>,
    hooks: SwitchHooks,
  ) {
    this.#hooks = hooks;
    this.#switches = new Map(
      switches.map(({ id, kind, ports }) => {
        const made = new CrossConnect(id, kind, ports);
        made.connect(kept[id] ?? []);
        return [id, made];
      }),
    );
  }

  all(): CrossConnect[] {
    return [...this.#switches.values()];
  }

  /** @throws SDM_NO_RESOURCE */
  get(id: string): CrossConnect {
    const found = this.#switches.get(id);
    if (found !== undefined) return found;
    const names = [...this.#switches.keys()].join(', ') || 'none';
    throw new SdmError('SDM_NO_RESOURCE', `there is no switch ${id} here; there is ${names}`, {
      details: { switch: id },
    });
  }

  connect(id: string, pairs: readonly Pair[]): Promise<Changed> {
    const { faults, save, updateLinks } = this.#hooks;
    return this.#turns.take(keysOf(id, pairs), async () => {
      await faults('connect.before');
      this.#refuseStuck(id, pairs);
      const changed = this.get(id).connect(pairs);
      await save();
      await faults('connect.kept');
      try {
        await updateLinks(id, pairs);
      } catch (error) {
        this.get(id).disconnect(changed);
        await save();
        await updateLinks(id, changed).catch(() => {}); // it is told already
        throw error;
      }
      await faults('connect.linked');
      return { changed };
    });
  }

  disconnect(id: string, pairs: readonly Pair[]): Promise<Changed> {
    const { faults, save, updateLinks } = this.#hooks;
    return this.#turns.take(keysOf(id, pairs), async () => {
      await faults('disconnect.before');
      const changed = this.get(id).disconnect(pairs);
      await save();
      await faults('disconnect.kept');
      await updateLinks(id, pairs);
      await faults('disconnect.linked');
      return { changed };
    });
  }

  #refuseStuck(id: string, pairs: readonly Pair[]): void {
    const port = pairs.flat().find((candidate) => this.#hooks.stuck(id, candidate));
    if (port === undefined) return;
    throw new SdmError(
      'SDM_PORT_FAULT',
      `port ${port} of switch ${id} does not connect (a fault)`,
      {
        details: { switch: id, port },
      },
    );
  }
}

/** Commands on one pair take turns: what one of them undoes must not be another one's answer. */
function keysOf(id: string, pairs: readonly Pair[]): string[] {
  return pairs.map(([a, b]) => `${id}/${Math.min(a, b)}-${Math.max(a, b)}`);
}

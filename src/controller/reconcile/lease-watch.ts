import { SdmError } from '../../common/errors.js';
import { leaseKey, LEASES } from '../platforms/keys.js';
import type { Who } from '../views.js';
import type { Context } from './context.js';

const WHO: Who = { kind: 'local', role: 'controller', name: 'lease' };

/** Releases platforms whose lease has ended: its key is gone from the store, and the platform is not. */
export class LeaseWatch {
  readonly #context: Context;
  #iterator: AsyncIterator<unknown> | undefined;
  #closed = false;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Looks through all, and watches from there on. Resolves after the first look. */
  async begin(): Promise<void> {
    const { store } = this.#context.port;
    const { revision, entries } = await store.snapshot(LEASES);
    const alive = new Set(entries.map(({ key }) => key));
    for (const { id, lease } of this.#context.port.platforms.values()) {
      if (lease !== undefined && !alive.has(leaseKey(id))) this.#ended(id);
    }
    void this.#watch(revision);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#iterator?.return?.();
  }

  async #watch(after: number): Promise<void> {
    const { store } = this.#context.port;
    try {
      const changes = store.watch(LEASES, after)[Symbol.asyncIterator]();
      this.#iterator = changes;
      for (;;) {
        const { done, value } = await changes.next();
        if (done === true || this.#closed) return;
        if (value.kind === 'delete') this.#ended(Number(value.key.slice(LEASES.length)));
      }
    } catch (error) {
      // Slower than the store: what was missed is found by a look through all.
      if (error instanceof SdmError && error.code === 'SDM_STORE_COMPACTED') return this.begin();
    }
  }

  #ended(id: number): void {
    const { port, parts } = this.#context;
    const platform = port.platforms.get(id);
    // Released: its key went with it, in one commit.
    if (platform?.lease === undefined || platform.state === 'releasing') return;
    parts.log.info({ platform: id }, 'a lease ended: its platform is released');
    port.events.append({ kind: 'lease', id: platform.lease.id, platform: id, expired: true });
    // What cannot be ended now is "releasing" from here on, and the loop ends it.
    port.release(id, WHO).catch((error: unknown) => {
      parts.log.warn(
        { err: error, platform: id },
        'a platform without a lease is not released yet',
      );
    });
  }
}

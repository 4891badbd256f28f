import { setTimeout as sleep } from 'node:timers/promises';
import { SdmError } from '../../common/errors.js';
import { leaseKey, LEASES } from '../platforms/keys.js';
import type { Who } from '../views.js';
import type { Context } from './context.js';

/** Before a watch that failed begins again, ms. */
const AGAIN_MS = 1_000;

const WHO: Who = { kind: 'local', role: 'controller', name: 'lease' };

/** Releases platforms whose lease has ended: its key is gone from the store, and the platform is not. */
export class LeaseWatch {
  readonly #context: Context;
  #iterator: AsyncIterator<unknown> | undefined;
  readonly #ended = new AbortController();
  #closed = false;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Looks through all, and watches from there on. Resolves after the first look. */
  async begin(): Promise<void> {
    void this.#follow(await this.#lookThrough());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ended.abort();
    await this.#iterator?.return?.();
  }

  /** @returns the revision as of which that is so. */
  async #lookThrough(): Promise<number> {
    const { store, platforms } = this.#context.port;
    const { revision, entries } = await store.snapshot(LEASES);
    const alive = new Set(entries.map(({ key }) => key));
    for (const { id, lease, state } of platforms.values()) {
      if (state === 'allocating') continue; // it has its lease when it is there, or is undone
      if (lease !== undefined && !alive.has(leaseKey(id))) this.#over(id);
    }
    return revision;
  }

  /** For as long as the controller runs: who is not watched is never released. Never rejects. */
  async #follow(revision: number): Promise<void> {
    let from: number | undefined = revision;
    while (!this.#closed) {
      try {
        // slower than the store, or cut off: what was missed is found by a look through all
        await this.#watch(from ?? (await this.#lookThrough()));
        return;
      } catch (error) {
        if (this.#closed || isOver(error)) return;
        from = undefined;
        if (error instanceof SdmError && error.code === 'SDM_STORE_COMPACTED') continue;
        this.#context.parts.log.warn({ err: error }, 'leases are not watched; that begins again');
        const { signal } = this.#ended;
        await sleep(AGAIN_MS, undefined, { signal, ref: false }).catch(() => {});
      }
    }
  }

  /** Until the store is closed. */
  async #watch(after: number): Promise<void> {
    const changes = this.#context.port.store.watch(LEASES, after)[Symbol.asyncIterator]();
    this.#iterator = changes;
    for (;;) {
      const { done, value } = await changes.next();
      if (done === true || this.#closed) return;
      if (value.kind === 'delete') this.#over(Number(value.key.slice(LEASES.length)));
    }
  }

  #over(id: number): void {
    const { port, parts } = this.#context;
    if (port.platforms.get(id)?.lease === undefined) return;
    this.#release(id).catch((error: unknown) => {
      parts.log.warn(
        { err: error, platform: id },
        'a platform without a lease is not released yet',
      );
    });
  }

  async #release(id: number): Promise<void> {
    const { port, parts } = this.#context;
    // Released or undone: its key went with it, in one commit that its turn has seen the end of.
    const left = await port.turn(id, async ({ lease, state }) => ({ lease, state }));
    if (left?.lease === undefined || left.state === 'releasing') return;
    // made since that was looked at
    const { entries } = await port.store.snapshot(leaseKey(id));
    if (entries.some(({ key }) => key === leaseKey(id))) return;
    parts.log.info({ platform: id }, 'a lease ended: its platform is released');
    port.events.append({ kind: 'lease', id: left.lease.id, platform: id, expired: true });
    // What cannot be ended now is "releasing" from here on, and the loop ends it.
    await port.release(id, WHO);
  }
}

/** The process ends. */
function isOver(error: unknown): boolean {
  return error instanceof SdmError && (error.code === 'SDM_CLOSED' || error.code === 'SDM_STORE');
}

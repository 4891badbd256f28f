import { SdmError } from '../../common/errors.js';
import type { BrickId } from '../records.js';
import type { Reservations } from '../reservation/types.js';
import { Limiter } from '../synthesizer/limiter.js';
import type { FenceOptions, Reconciler, ReconcilePort } from '../types.js';
import type { DriftView, Liveness, SwitchLiveness, Who } from '../views.js';
import type { Context } from './context.js';
import { Drift } from './drift.js';
import { platformsOn, proveFenced } from './fence.js';
import { LeaseWatch } from './lease-watch.js';
import { BrickLiveness } from './liveness.js';
import { look } from './looks.js';
import { atOnce, setNext, type Slot } from './schedule.js';
import { SwitchesLiveness } from './switch-liveness.js';
import { keyOf, targetsOf, Wanted } from './targets.js';
import { RECONCILE_OPTIONS, type ReconcileParts, type Target } from './types.js';
import { Unfinished } from './unfinished.js';

/** Longest wait for what still runs when it is closed, ms. */
const CLOSE_MS = 5_000;
/** Between two looks at what is due, as a part of the interval. */
const TICKS = 10;

interface Place extends Slot {
  readonly target: Target;
  running?: Promise<void>;
  /** A hint came while it was looked at. */
  again: boolean;
}

/** Compares what is with what should be, again and again. */
export class ReconcileLoop implements Reconciler {
  readonly #context: Context;
  readonly #drift: Drift;
  readonly #liveness: BrickLiveness;
  readonly #switches: SwitchesLiveness;
  readonly #unfinished: Unfinished;
  readonly #leases: LeaseWatch;
  readonly #limiter: Limiter;
  readonly #places = new Map<string, Place>();
  /** For which its places were made. */
  #core: Reservations | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hinted = false;
  #closed = false;

  constructor(port: ReconcilePort, parts: ReconcileParts) {
    const options = { ...RECONCILE_OPTIONS, ...parts.options };
    this.#context = { port, parts, options, known: new Set(), fencing: new Set() };
    this.#drift = new Drift(port.events);
    this.#liveness = new BrickLiveness(this.#context);
    this.#switches = new SwitchesLiveness(this.#context);
    this.#unfinished = new Unfinished(this.#context, this.#drift);
    this.#leases = new LeaseWatch(this.#context);
    this.#limiter = new Limiter(options.atOnce);
    this.#refresh();
  }

  async begin(): Promise<void> {
    const { port, options } = this.#context;
    await this.#leases.begin();
    const ending = this.#unfinished.begin();
    const looks = this.#lookAt([...this.#places.values()]);
    await within(options.beginMs, Promise.all([ending, looks]));
    const ends = await within(0, ending);
    const left = [...port.platforms.values()].filter(({ state }) => state !== 'active');
    port.events.append({
      kind: 'reconciled',
      settled: [...(ends ?? [])].filter(([, end]) => end !== 'pending').map(([id]) => id),
      waiting: left.map(({ id }) => id),
    });
  }

  start(): void {
    const period = Math.max(10, this.#context.options.intervalMs / TICKS);
    this.#timer ??= setInterval(() => this.#tick(), period);
    this.#timer.unref();
  }

  liveness(id: BrickId): Liveness {
    return this.#liveness.of(id);
  }

  switchLiveness(id: string): SwitchLiveness {
    return this.#switches.of(id);
  }

  lostSwitches(): readonly string[] {
    return this.#switches.lost();
  }

  drift(): DriftView {
    return this.#drift.view();
  }

  async fence(id: BrickId, options: FenceOptions, who: Who): Promise<void> {
    const { fencing } = this.#context;
    if (fencing.has(id)) {
      throw new SdmError('SDM_CONFLICT', `brick ${id} is being fenced already; ask again`, {
        details: { brick: id },
      });
    }
    fencing.add(id);
    try {
      const takeOut = (): Promise<void> => this.#liveness.lost(id, 'it is being fenced');
      const proof = await proveFenced(this.#context, id, options, who, takeOut);
      await this.#liveness.fenced(id, proof);
    } finally {
      fencing.delete(id);
      // where there is no proof and it answers, it is let in again
      const place = this.#places.get(keyOf({ kind: 'agent', id }));
      if (place !== undefined) atOnce(place);
    }
    const waiting = platformsOn(this.#context, id).filter(({ state }) => state !== 'active');
    await this.#unfinished.settle(waiting.map((platform) => platform.id));
  }

  hint(where: ReadonlySet<string>, { changed } = { changed: false }): void {
    if (changed) this.#refresh();
    else this.#keepUp();
    if (where.size === 0) return;
    for (const place of this.#places.values()) {
      if (!where.has(place.target.id)) continue;
      place.again = place.running !== undefined;
      atOnce(place);
    }
    this.#unfinished.hurry(
      ({ brick, attachments }) =>
        where.has(brick) ||
        attachments.some(
          ({ memory, path }) => where.has(memory) || path.hops.some((hop) => where.has(hop.switch)),
        ),
    );
    if (this.#timer === undefined || this.#hinted) return;
    this.#hinted = true; // several that come together are one
    setImmediate(() => {
      this.#hinted = false;
      this.#tick();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#leases.close();
    const running = [...this.#places.values()].map((place) => place.running);
    await within(CLOSE_MS, Promise.all([...running, this.#unfinished.idle()]));
  }

  /** What is made of the topology is made anew with it. */
  #keepUp(): void {
    if (this.#core !== this.#context.parts.core) this.#refresh();
  }

  /** A tray may have told of bricks that were not there, or are elsewhere. */
  #refresh(): void {
    this.#core = this.#context.parts.core;
    const targets = new Map(targetsOf(this.#context.parts.site).map((each) => [keyOf(each), each]));
    for (const [key, target] of targets) {
      if (this.#places.get(key)?.target.address === target.address) continue;
      this.#places.set(key, { target, next: 0, failures: 0, again: false });
    }
    for (const key of this.#places.keys()) {
      if (targets.has(key)) continue;
      this.#places.delete(key);
      this.#drift.replace(key, []);
    }
    this.#liveness.refresh();
    this.#switches.refresh();
  }

  #tick(): void {
    if (this.#closed) return;
    this.#keepUp();
    const now = performance.now();
    const due = [...this.#places.values()].filter(
      ({ next, running }) => next <= now && running === undefined,
    );
    void this.#lookAt(due);
    this.#unfinished.look();
  }

  async #lookAt(places: readonly Place[]): Promise<void> {
    if (places.length === 0) return;
    // Of before they are asked: what is put in use meanwhile is not missing.
    const wanted = new Wanted(this.#context.port.platforms.values());
    await Promise.all(
      places.map((place) => {
        const ran = this.#limiter
          .run(() => this.#look(place, wanted))
          .finally(() => {
            delete place.running;
          });
        return (place.running = ran);
      }),
    );
  }

  async #look(place: Place, wanted: Wanted): Promise<void> {
    if (this.#closed) return;
    const { target } = place;
    const silent = place.failures > 0;
    const parts = {
      ...{ context: this.#context, drift: this.#drift },
      ...{ liveness: this.#liveness, switches: this.#switches },
    };
    const { answered, back, again } = await look(parts, target, wanted).catch((error: unknown) => {
      this.#context.parts.log.error({ err: error, where: keyOf(target) }, 'a look failed');
      return { answered: false, back: false, again: false };
    });
    setNext(place, answered, this.#context.options);
    if (place.again || back || again) atOnce(place);
    place.again = false;
    if (!answered || (!silent && !back)) return;
    // What waited for it need not wait for its own time.
    this.#unfinished.hurry(
      ({ brick, attachments }) =>
        target.kind === 'switch' ||
        brick === target.id ||
        attachments.some(({ memory }) => memory === target.id),
    );
    if (back)
      for (const other of this.#places.values()) if (other.target.kind === 'switch') atOnce(other);
  }
}

/** What a promise gives, if it does in time; undefined otherwise. It goes on all the same. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((done) => (timer = setTimeout(() => done(undefined), ms)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

import { SdmError } from '../common/errors.js';
import { assemble, type ControllerOptions, type Parts } from './assemble.js';
import { brickView, brickViews, switchView, switchViews, type ViewParts } from './brick-views.js';
import type { Faults } from './faults.js';
import type { Topology } from './inventory/topology-schema.js';
import { countsOf, pageOf, type PlatformPage, type StateCounts } from './listing.js';
import { leaseId, platformOf } from './platforms/keys.js';
import { explainOf, planOf } from './platforms/questions.js';
import { platformView } from './platforms/view.js';
import type { Store } from './store/types.js';
import type { OpenTransport } from './synthesizer/transport.js';
import { problemsOf, totalsOf } from './totals.js';
import { placesOf, placesOfEvent, switchesOf } from './tray-hints.js';
import type * as api from './types.js';

export type { ControllerOptions } from './assemble.js';

/** One rack: what there is, who has it, and what is done about it. */
export class Controller implements api.ControllerCore {
  readonly name: string;
  readonly store: Store;
  readonly reconciled: Promise<void>;
  readonly #parts: Parts;
  #closed: Promise<void> | undefined;

  /**
   * Reads are answered from then on; commands wait for {@link reconciled}. The store stays open where
   * this fails.
   * @throws as `assemble`.
   */
  static async open(options: ControllerOptions): Promise<Controller> {
    return new Controller(options, await assemble(options));
  }

  private constructor({ name, store, faults, log }: ControllerOptions, parts: Parts) {
    this.name = name;
    this.store = store;
    this.#parts = parts;
    this.reconciled = this.#begin(faults);
    // who waits for it is told; so is every command
    this.reconciled.catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      log.error({ err: error }, `the controller cannot reconcile: ${message}`);
    });
    this.events.append({ kind: 'epoch', epoch: `0x${this.epoch.toString(16)}` });
  }

  get epoch(): bigint {
    return this.#parts.epoch;
  }

  get events(): Parts['events'] {
    return this.#parts.events;
  }

  /** Resolves with why this process must end; it never rejects. */
  get replaced(): Promise<Error> {
    return this.#parts.ledger.replaced;
  }

  /** The way to the rack's daemons, for what is passed on as it is. */
  get open(): OpenTransport {
    return this.#parts.open;
  }

  async allocate(
    request: api.AllocateRequest,
    who: api.Who,
    options?: api.CommandOptions,
  ): Promise<api.PlatformView> {
    await this.reconciled;
    return this.#parts.manager.allocate(request, who, options);
  }

  async grow(
    id: number,
    request: api.GrowRequest,
    who: api.Who,
    options?: api.CommandOptions,
  ): Promise<api.GrowResult> {
    await this.reconciled;
    return this.#parts.manager.grow(id, request, who, options);
  }

  async shrink(
    id: number,
    request: api.ShrinkRequest,
    who: api.Who,
    options?: api.CommandOptions,
  ): Promise<api.ShrinkResult> {
    await this.reconciled;
    return this.#parts.manager.shrink(id, request, who, options);
  }

  async release(id: number, who: api.Who, options?: api.CommandOptions): Promise<void> {
    await this.reconciled;
    return this.#parts.manager.release(id, who, options);
  }

  plan(request: api.PlanRequest): api.PlanView {
    return planOf(this.#parts.manager.parts, request);
  }

  explain(request: api.PlanRequest): api.ExplainView {
    return explainOf(this.#parts.manager.parts, request);
  }

  list(): api.PlatformView[] {
    const { ledger, rack } = this.#parts;
    return [...ledger.shown.values()].map((record) => platformView(rack.site, record));
  }

  page(after: number, limit: number): PlatformPage {
    return pageOf(this.#parts.ledger, this.#parts.rack.site, after, limit);
  }

  counts(): StateCounts {
    return countsOf(this.#parts.ledger);
  }

  get(id: number): api.PlatformView {
    const { ledger, rack } = this.#parts;
    return platformView(rack.site, ledger.durable(id));
  }

  totals(): api.TotalsView {
    return totalsOf(this.#parts.rack, this.#parts.ledger);
  }

  bricks(): api.BrickView[] {
    return brickViews(this.#views());
  }

  brick(id: api.BrickId): api.BrickView {
    return brickView(this.#views(), id);
  }

  async drain(id: api.BrickId, on: boolean, _who: api.Who): Promise<api.BrickView> {
    await this.reconciled;
    this.brick(id);
    const { setBrick, events } = this.#parts;
    await setBrick(id, ({ drained: _, ...rest }) => (on ? { ...rest, drained: true } : rest));
    const view = this.brick(id);
    events.append({ kind: 'brick', id, liveness: view.liveness, drained: view.drained });
    return view;
  }

  async fence(id: api.BrickId, options: api.FenceOptions, who: api.Who): Promise<api.BrickView> {
    await this.reconciled;
    this.brick(id);
    await this.#parts.reconciler.fence(id, options, who);
    return this.brick(id);
  }

  switches(): api.SwitchView[] {
    return switchViews(this.#views());
  }

  switch(id: string): api.SwitchView {
    return switchView(this.#views(), id);
  }

  topology(): Topology {
    return this.#parts.rack.topology;
  }

  trays(): api.TrayView[] {
    return this.#parts.trays.list();
  }

  async registerTray(registration: unknown, _who: api.Who): Promise<api.TrayView> {
    await this.reconciled;
    const { rack, trays, ledger, wires, manager, reconciler } = this.#parts;
    // most of the time it says what it said before
    const { changed } = trays.joined(rack.topology, registration, () => false);
    const keep = (): Promise<api.TrayView> => trays.keep(registration, changed);
    const change = (): Promise<api.TrayView> =>
      manager.turns.alone(async () => {
        const used = this.#used();
        const next = trays.joined(rack.topology, registration, (id) => used.has(id));
        await rack.nameNetworks(ledger, next.topology);
        const use = rack.prepare(next.topology, ledger, wires);
        // whoever reserves what is new has a record that a start can only read with the tray
        const view = await keep();
        use();
        return view;
      });
    const view = await (changed ? change() : keep());
    const quiet = (id: string): boolean => reconciler.switchLiveness(id) !== 'up';
    if (changed) reconciler.hint(placesOf(rack, view.id), { changed });
    // what is said again is no news, but that its daemon is there may be
    else reconciler.hint(new Set(switchesOf(rack, view.id).filter(quiet)));
    return view;
  }

  trayEvent(id: string, event: unknown, _who: api.Who): void {
    const { trays, events, reconciler, rack, wires } = this.#parts;
    trays.heard(id);
    events.append({ kind: 'tray', id, event });
    reconciler.hint(placesOfEvent(rack, wires, id, event));
  }

  async keepLeaseAlive(id: string): Promise<void> {
    const platform = this.#parts.ledger.shown.get(platformOf(id) ?? -1);
    if (platform?.lease?.id !== id) {
      throw new SdmError('SDM_NOT_FOUND', `there is no lease ${id}, or it has ended`, {
        details: { lease: id },
      });
    }
    // its time begins when it is there
    if (platform.state === 'allocating') return;
    await this.store.keepLeaseAlive(leaseId(platform.id));
  }

  drift(): api.DriftView {
    return this.#parts.reconciler.drift();
  }

  problems(): api.Problem[] {
    return problemsOf(this.#parts.ledger, this.overdue());
  }

  forget(keys: readonly string[]): Promise<void> {
    return this.#parts.ledger.commit('forget', { delete: keys });
  }

  backup(path: string): Promise<void> {
    return this.store.backup(path);
  }

  overdue(): string | undefined {
    return this.#parts.manager.overdue(this.#parts.daemons);
  }

  /** Commands that run. */
  get running(): number {
    return this.#parts.manager.turns.count;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #begin(faults: Faults): Promise<void> {
    await this.#parts.reconciler.begin();
    await faults.at('start.reconciled');
    if (this.#closed === undefined) this.#parts.reconciler.start();
  }

  async #close(): Promise<void> {
    const { reconciler, manager, daemons } = this.#parts;
    await Promise.all([reconciler.close(), manager.close()]);
    daemons.close();
    await this.store.close();
  }

  #views(): ViewParts {
    const { rack, ledger, reconciler } = this.#parts;
    return {
      ...{ site: rack.site, ledger, segments: rack.core.state.segments },
      liveness: (id) => reconciler.liveness(id),
      switchLiveness: (id) => reconciler.switchLiveness(id),
    };
  }

  /** Bricks and switches that platforms use. */
  #used(): Set<string> {
    const used = new Set<string>();
    for (const { brick, attachments } of this.#parts.ledger.platforms.values()) {
      used.add(brick);
      for (const { memory, path } of attachments) {
        used.add(memory);
        for (const hop of path.hops) used.add(hop.switch);
      }
    }
    return used;
  }
}

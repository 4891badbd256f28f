import { SdmError } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import { EventLog } from '../common/server/event-log.js';
import { raiseEpoch } from './epoch.js';
import type { Faults } from './faults.js';
import type { Topology } from './inventory/topology-schema.js';
import { openTransport } from './open.js';
import { Ledger } from './platforms/ledger.js';
import { PlatformManager, type ManagerParts } from './platforms/manager.js';
import type { Defaults } from './platforms/requests.js';
import { Turns } from './platforms/turns.js';
import { Rack } from './rack.js';
import { createReconciler, type ReconcileOptions } from './reconcile/index.js';
import { POLICIES } from './reservation/policies/index.js';
import type { Store } from './store/types.js';
import { Daemons, type Timeouts } from './synthesizer/daemons.js';
import { Steps } from './synthesizer/steps.js';
import type { OpenTransport } from './synthesizer/transport.js';
import { Wires } from './synthesizer/wires.js';
import { Trays } from './trays.js';
import type { BrickChange, BrickId, PlatformRecord, ReconcilePort, Reconciler } from './types.js';
import type { ControllerEvent } from './views.js';

export interface ControllerOptions {
  readonly name: string;
  readonly topology: Topology;
  readonly store: Store;
  readonly defaults: Omit<Defaults, 'policies'>;
  readonly timeouts: Timeouts;
  /** Calls under way at one daemon. */
  readonly atOnce: number;
  readonly reconcile: Partial<ReconcileOptions>;
  readonly pki?: string | undefined;
  readonly faults: Faults;
  readonly log: Logger;
}

/** What a controller is made of. */
export interface Parts {
  readonly epoch: bigint;
  readonly rack: Rack;
  readonly ledger: Ledger;
  readonly manager: PlatformManager;
  readonly daemons: Daemons;
  readonly wires: Wires;
  readonly reconciler: Reconciler;
  readonly trays: Trays;
  readonly events: EventLog<ControllerEvent>;
  readonly open: OpenTransport;
  setBrick(id: BrickId, change: BrickChange): Promise<boolean>;
}

/**
 * Begins a term, reads the records, and claims what they say.
 * @throws SDM_STALE_EPOCH, SDM_RECORD, SDM_CONFLICT, SDM_STORE.
 */
export async function assemble(options: ControllerOptions): Promise<Parts> {
  const { name, store, faults, log, timeouts, atOnce } = options;
  const { epoch, revision } = await raiseEpoch(store, faults);
  const ledger = new Ledger({ store, faults, epochRevision: revision });
  const trays = new Trays(ledger, log);
  const registered = trays.load(options.topology);
  const reading = ledger.read();
  const rack = new Rack(await registered, ledger.networks);
  await ledger.load(reading);
  await rack.nameNetworks(ledger);
  const { site } = rack;
  const events = new EventLog<ControllerEvent>();
  const open = openTransport(rack, options.pki);
  const headers = { 'sdm-controller': name, 'sdm-epoch': String(epoch) };
  const daemons = new Daemons({ open, headers, timeouts, atOnce });
  const wires = new Wires(site, daemons);
  const fenced = (id: BrickId): boolean => ledger.bricks.get(id)?.fenced !== undefined;
  const steps = new Steps({ site, daemons, wires, faults, fenced });
  restoreRecords(rack, ledger, wires, trays.left);
  const parts: ManagerParts = {
    ...{ site, ledger, steps, events },
    defaults: { ...options.defaults, policies: Object.keys(POLICIES) },
    lostSwitches: () => reconciler.lostSwitches(),
    get core() {
      return rack.core;
    },
  };
  const manager = new PlatformManager(parts);
  // not among the turns of commands: one that has its turn may have to say something of a brick
  const words = new Turns();
  const setBrick = (id: BrickId, change: BrickChange): Promise<boolean> =>
    words.run(id, async () => {
      const record = change(ledger.bricks.get(id) ?? {});
      if (record === undefined) return false;
      await ledger.commit('brick', { bricks: [[id, record]] });
      rack.applyBrick(ledger, id);
      return true;
    });
  const port: ReconcilePort = {
    ...{ name, epoch, store, events, steps, setBrick },
    platforms: ledger.platforms,
    turn: (id, task) =>
      manager.turns.run(id, async () => {
        const record = ledger.platforms.get(id);
        return record === undefined ? undefined : task(record);
      }),
    save: (record: PlatformRecord) => ledger.commit('save', { save: [record] }),
    settle: (id) => manager.settle(id),
    settleScrubs: (memory) => manager.settleScrubs(memory),
    release: (id) => manager.release(id),
    brickRecord: (id) => ledger.bricks.get(id),
  };
  const reconciler = createReconciler(port, {
    ...{ site, daemons, wires, log: log.child({ part: 'reconcile' }) },
    options: options.reconcile,
    get core() {
      return rack.core;
    },
    dbmcOf: (id) => {
      const tray = rack.index.bricks.get(id)?.tray;
      return tray === undefined ? undefined : rack.index.trays.get(tray)?.dbmc;
    },
  });
  await faults.at('start.loaded');
  return {
    ...{ epoch, rack, ledger, manager, daemons, wires, reconciler, trays, events, open, setBrick },
  };
}

/** Where a tray was left out, that is why something is missing. @throws as `Rack.restore`. */
function restoreRecords(rack: Rack, ledger: Ledger, wires: Wires, left: readonly string[]): void {
  try {
    rack.restore(ledger, wires);
  } catch (error) {
    if (left.length === 0 || !(error instanceof SdmError)) throw error;
    const message = `${error.message}. Left out, as the file contradicts them: trays ${left.join(', ')}`;
    throw new SdmError(error.code, message, {
      details: { ...error.details, trays: left },
      cause: error,
    });
  }
}

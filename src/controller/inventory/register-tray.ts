import { isDeepStrictEqual } from 'node:util';
import { SdmError } from '../../common/errors.js';
import { parseBrickId, type BrickId } from './brick-id.js';
import { switchesOf } from './ends.js';
import { schemaFault, topologyError, type Fault } from './fault.js';
import { mergeLinks } from './merge-links.js';
import { brickFault } from './topology-check.js';
import { normalBrick, toTopology } from './topology-file.js';
import {
  AcceleratorBrick,
  ComputeBrick,
  MemoryBrick,
  Switch,
  type BoxEntry,
  type BrickEntry,
  type RackEntry,
  type Registration,
  type SwitchEntry,
  type Topology,
  type TrayEntry,
} from './topology-schema.js';
import { boxDbmc } from './topology-index.js';
import { validatorOf } from './topology-validator.js';

export interface Registered {
  /** The same object as before where nothing changed. */
  readonly topology: Topology;
  readonly changed: boolean;
  /** Bricks and switches that were not there. */
  readonly added: readonly string[];
  readonly updated: readonly string[];
  /** Bricks that the topology has in this tray, and the tray did not name; they stay. */
  readonly missing: readonly BrickId[];
}

/** What of a brick or switch is no shape: it may change while platforms use it. */
const LOOSE = new Set(['address', 'ip', 'dbmc', 'mode', 'node', 'pool']);
const KEYS = {
  compute: Object.keys(ComputeBrick.properties),
  memory: Object.keys(MemoryBrick.properties),
  accelerator: Object.keys(AcceleratorBrick.properties),
  switch: Object.keys(Switch.properties),
};

/**
 * Joins what a tray says of itself to a topology: bricks and switches that are new are added, others
 * updated; none goes. Changes nothing of what it is given.
 * @param registration as it came: `TrayRegistration` is its form; keys that are not known are ignored.
 * @param inUse whether platforms use a brick, by its id, or a switch: then its shape may not change.
 * @throws SdmError SDM_TOPOLOGY for what cannot be, SDM_BRICK_IN_USE.
 */
export function registerTray(
  topology: Topology,
  registration: unknown,
  inUse: (id: string) => boolean = () => false,
): Registered {
  const fault = schemaFault(validatorOf('registration'), registration);
  if (fault !== undefined) throw invalid([fault]);
  const tray = registration as Registration;
  const [rack = 0, box, number = 0] = tray.id.split('.').map(Number);
  if (box === undefined && (tray.bricks ?? []).length > 0) {
    const expected = 'no bricks: a rack has switches only, and bricks are in trays';
    throw invalid([{ path: ['bricks'], expected, found: tray.bricks }]);
  }
  const work = new Merge(topology, tray, inUse);
  const racks = put(topology.racks, rack, { id: rack, boxes: [] }, (found) =>
    box === undefined
      ? work.rack(found)
      : {
          ...withBox(found, box),
          boxes: put(found.boxes, box, emptyBox(box), (b) => work.box(b, number)),
        },
  );
  const links = mergeLinks(topology.links ?? [], tray.links ?? [], inUse);
  const next = { ...topology, racks, ...(links.length === 0 ? {} : { links }) };
  const { added, updated, missing } = work;
  if (isDeepStrictEqual(next, topology)) {
    return { topology, changed: false, added, updated, missing };
  }
  return { topology: toTopology(next, `tray ${tray.id}`), changed: true, added, updated, missing };
}

const emptyBox = (id: number): BoxEntry => ({ id, trays: [] });

/** A box that is new is in the first of the rack's clusters. */
function withBox(rack: RackEntry, box: number): RackEntry {
  const { clusters, boxes } = rack;
  if (clusters === undefined || boxes.some(({ id }) => id === box)) return rack;
  const [first = { id: 0, boxes: [] }, ...rest] = clusters;
  return { ...rack, clusters: [{ ...first, boxes: [...first.boxes, box] }, ...rest] };
}

/** A list with the element of an id changed, at its end where it is new. */
function put<T extends { readonly id: unknown }>(
  list: readonly T[],
  id: unknown,
  fresh: T,
  change: (found: T) => T,
): T[] {
  if (!list.some((each) => each.id === id)) return [...list, change(fresh)];
  return list.map((each) => (each.id === id ? change(each) : each));
}

function invalid(faults: readonly Fault[], tray = 'the registration of a tray'): SdmError {
  return topologyError(faults, tray);
}

/** One registration being joined to a topology. */
class Merge {
  readonly added: string[] = [];
  readonly updated: string[] = [];
  missing: BrickId[] = [];

  /** Ids of all switches. */
  private readonly elsewhere: ReadonlySet<string>;

  constructor(
    topology: Topology,
    private readonly tray: Registration,
    private readonly inUse: (id: string) => boolean,
  ) {
    this.elsewhere = new Set([...switchesOf(topology)].map(({ entry }) => entry.id));
  }

  rack(rack: RackEntry): RackEntry {
    const after = { ...rack, ...this.dbmc() };
    return { ...after, ...this.switches(rack.switches, after.dbmc) };
  }

  box(box: BoxEntry, number: number): BoxEntry {
    const [rack] = this.tray.id.split('.');
    const prefix = `${rack}.${box.id}.`;
    const given = new Map<number, Readonly<Record<string, unknown>>>();
    for (const [i, brick] of (this.tray.bricks ?? []).entries()) {
      const { dBrickId } = parseBrickId(brick.id);
      const at = (expected: string): SdmError =>
        invalid([{ path: ['bricks', i, 'id'], expected, found: brick.id }], `tray ${this.tray.id}`);
      if (!brick.id.startsWith(prefix)) throw at(`a brick of box ${prefix.slice(0, -1)}`);
      if (given.has(dBrickId)) throw at('each brick once');
      given.set(dBrickId, brick);
    }
    const known = new Map(
      box.trays.flatMap(({ id, bricks }) => bricks.map((brick) => [brick.id, { brick, tray: id }])),
    );
    const merged = new Map<number, BrickEntry>();
    for (const [id, brick] of given) {
      const before = known.get(id);
      merged.set(id, this.brick(prefix + id, before?.brick, brick));
      if (before !== undefined && before.tray !== number && this.inUse(prefix + id)) {
        throw this.used(prefix + id, `was in tray ${before.tray} and is now in ${number}`);
      }
    }
    const here = box.trays.find((tray) => tray.id === number)?.bricks ?? [];
    this.missing = here.filter(({ id }) => !given.has(id)).map(({ id }) => prefix + id);
    const others = box.trays.map((tray) =>
      tray.id === number
        ? tray
        : { ...tray, bricks: tray.bricks.filter(({ id }) => !given.has(id)) },
    );
    const trays = put(others, number, { id: number, bricks: [] }, (tray): TrayEntry => {
      const stay = tray.bricks.map((brick) => merged.get(brick.id) ?? brick);
      const fresh = [...merged].filter(([id]) => !tray.bricks.some((brick) => brick.id === id));
      return { ...tray, ...this.dbmc(), bricks: [...stay, ...fresh.map(([, brick]) => brick)] };
    });
    return { ...box, ...this.switches(box.switches, boxDbmc({ ...box, trays })), trays };
  }

  private dbmc(): { dbmc?: string } {
    return this.tray.address === undefined ? {} : { dbmc: this.tray.address };
  }

  private brick(
    id: BrickId,
    before: BrickEntry | undefined,
    given: Readonly<Record<string, unknown>>,
  ): BrickEntry {
    const type = (given['type'] ?? before?.type) as BrickEntry['type'];
    const keys = KEYS[type] ?? [];
    const base = before?.type === type ? before : {};
    const value = { ...base, ...pick(given, keys), id: Number(id.split('.')[2]), type };
    const fault = brickFault(value, ['bricks', id]);
    if (fault !== undefined) throw invalid([fault], `tray ${this.tray.id}`);
    const brick = safely(() => normalBrick(value as BrickEntry), value as BrickEntry);
    this.note(id, before, brick);
    return brick;
  }

  /**
   * Those of a box or rack, with the tray's. One that is at another place is left there.
   * @param usual the address that sets them if they name none.
   */
  private switches(
    own: readonly SwitchEntry[] | undefined,
    usual: string | undefined,
  ): { switches?: SwitchEntry[] } {
    let switches = own ?? [];
    for (const given of this.tray.switches ?? []) {
      const before = switches.find(({ id }) => id === given.id);
      if (before === undefined && this.elsewhere.has(given.id)) continue;
      const { address } = this.tray;
      const set =
        address === undefined || (address === usual && !before?.dbmc) ? {} : { dbmc: address };
      const value = { ...before, ...pick(given, KEYS.switch), ...set } as SwitchEntry;
      switches = put(switches, given.id, value, () => value);
      this.note(given.id, before, value);
    }
    return own === undefined && switches.length === 0 ? {} : { switches: [...switches] };
  }

  private note(id: string, before: object | undefined, after: object): void {
    if (before === undefined) return void this.added.push(id);
    if (isDeepStrictEqual(before, after)) return;
    const [old, fresh] = [before, after] as Record<string, unknown>[];
    const keys = new Set([...Object.keys(old!), ...Object.keys(fresh!)]);
    const differs = [...keys].filter((key) => !isDeepStrictEqual(old![key], fresh![key]));
    const shape = differs.find((key) => !LOOSE.has(key));
    if (shape !== undefined && this.inUse(id)) {
      const say = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
      throw this.used(id, `had ${shape} ${say(old![shape])} and now says ${say(fresh![shape])}`);
    }
    this.updated.push(id);
  }

  private used(id: string, what: string): SdmError {
    return new SdmError(
      'SDM_BRICK_IN_USE',
      `tray ${this.tray.id}: ${id} ${what}, but platforms use it; drain it and release them first`,
      { details: { tray: this.tray.id, id } },
    );
  }
}

/** What cannot be read stays as it is: the check of the whole says where it is. */
function safely<T>(make: () => T, otherwise: T): T {
  try {
    return make();
  } catch {
    return otherwise;
  }
}

function pick(value: Readonly<Record<string, unknown>>, keys: readonly string[]): object {
  return Object.fromEntries(
    keys.filter((key) => Object.hasOwn(value, key)).map((key) => [key, value[key]]),
  );
}

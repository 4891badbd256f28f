import { SdmError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { packageVersion } from '../../common/version.js';
import type { FaultAt } from '../faults.js';
import { Links, type LinkPlace } from '../links.js';
import type { CrossConnect, Pair, SwitchKind } from './cross-connect.js';
import { EmulatedSwitches } from './emulated-switches.js';
import { EmulatedFaults } from './emulated-faults.js';
import { StateFile, type BoardState } from './state.js';
import type { Board, BoardEvent, BrickInfo, BrickPower, BrickType, Changed } from './types.js';
import type { Firmware, LinkInfo, PcieDevice, Sensor, Term } from './types.js';
import { firmwareOf, pcieOf, sensorsOf, wattsOf } from './values.js';

export interface EmulatedBoardOptions {
  readonly bricks: readonly {
    readonly id: string;
    readonly type: BrickType;
    readonly transceivers: number;
  }[];
  readonly switches: readonly {
    readonly id: string;
    readonly kind: SwitchKind;
    readonly ports: number;
  }[];
  /** What hangs on ports of the switches here; also bricks of other trays of the box. */
  readonly links: readonly {
    readonly brick: string;
    readonly transceiver: number;
    readonly switch: string;
    readonly port: number;
  }[];
  readonly places: ReadonlyMap<string, LinkPlace>;
  readonly stateDir: string;
  readonly log: Logger;
  readonly faults: FaultAt;
}

const DEFAULT_BOOT_SOURCE = 'network';

type State = { on: boolean; bootSource: string };

/** A board that is not there: it keeps what it is told, and brings the links of emulated bricks up and down. */
export class EmulatedBoard implements Board {
  readonly emulated = true;
  readonly failed: Promise<Error>;
  readonly faults: EmulatedFaults;
  readonly #options: EmulatedBoardOptions;
  readonly #bricks = new Map<string, State>();
  readonly #switches: EmulatedSwitches;
  readonly #file: StateFile;
  readonly #links: Links;
  #term: Term | undefined;
  readonly #listeners = new Set<(event: BoardEvent) => void>();

  /** @throws SDM_BOARD_STATE where what an earlier daemon kept cannot be used. */
  constructor(options: EmulatedBoardOptions) {
    this.#options = options;
    const kept = StateFile.read(options.stateDir);
    if (kept.term !== undefined) {
      this.#term = { epoch: BigInt(kept.term.epoch), controller: kept.term.controller };
    }
    for (const { id } of options.bricks) {
      this.#bricks.set(id, kept.bricks[id] ?? { on: true, bootSource: DEFAULT_BOOT_SOURCE });
    }
    this.#switches = new EmulatedSwitches(options.switches, kept.switches, {
      save: () => this.#file.save(),
      updateLinks: (id, pairs) => this.#updateLinks(this.#behind(id, pairs)),
      stuck: (id, port) => this.faults.stuck(id, port),
      faults: options.faults,
    });
    this.#file = new StateFile(options.stateDir, () => this.#state(), options.faults);
    this.failed = this.#file.failed;
    this.faults = new EmulatedFaults({
      known: (what) =>
        'brick' in what ? this.#known(what.brick) : this.#switches.get(what.switch),
      changed: (brick) => this.#updateLinks(this.#linksOf(brick)),
      tell: (event) => this.#tell(event),
    });
    this.#links = new Links(
      options.places,
      (brick) => this.#linksOf(brick).map(({ transceiver }) => transceiver),
      (brick, transceiver) => this.#wanted(brick, transceiver),
      options.log,
    );
  }

  bricks(): readonly BrickInfo[] {
    return this.#options.bricks.map(({ id }) => this.#info(id));
  }

  brick(id: string): BrickInfo {
    this.#known(id);
    this.#reachable(id);
    return this.#info(id);
  }

  async setPower(brick: string, on: boolean): Promise<void> {
    this.brick(brick);
    const state = this.#bricks.get(brick)!;
    const changed = state.on !== on;
    state.on = on;
    await this.#file.save();
    await this.#updateLinks(this.#linksOf(brick));
    if (changed) this.#tell({ kind: on ? 'brick.on' : 'brick.off', brick });
  }

  brickPower(brick: string): BrickPower {
    const info = this.brick(brick);
    return { watts: wattsOf(info), on: info.on };
  }

  bootSource(brick: string): string {
    this.brick(brick);
    return this.#bricks.get(brick)!.bootSource;
  }

  async setBootSource(brick: string, path: string): Promise<void> {
    this.brick(brick);
    this.#bricks.get(brick)!.bootSource = path;
    await this.#file.save();
  }

  links(brick: string): readonly LinkInfo[] {
    const { transceivers } = this.brick(brick);
    const hung = this.#linksOf(brick);
    return Array.from({ length: transceivers }, (_, transceiver) => {
      const link = hung.find((candidate) => candidate.transceiver === transceiver);
      return {
        transceiver,
        port: link === undefined ? undefined : `${link.switch}/${link.port}`,
        up: link !== undefined && this.#wanted(brick, transceiver),
      };
    });
  }

  pcie(brick: string): readonly PcieDevice[] {
    return pcieOf(this.brick(brick));
  }

  ping(brick: string): void {
    if (this.brick(brick).on) return;
    throw unreachable(`brick ${brick}`, 'it is switched off');
  }

  sensors(): readonly Sensor[] {
    return sensorsOf(this.bricks(), this.faults.celsius);
  }

  firmware(): readonly Firmware[] {
    return firmwareOf(packageVersion());
  }

  switches(): readonly CrossConnect[] {
    return this.#switches.all();
  }

  switch(id: string): CrossConnect {
    const found = this.#switches.get(id);
    if (this.faults.silent({ switch: id }))
      throw unreachable(`switch ${id}`, 'it is silent (a fault)');
    return found;
  }

  endpoint(id: string, port: number): string | undefined {
    this.switch(id).checkPort(port);
    const link = this.#options.links.find((each) => each.switch === id && each.port === port);
    return link === undefined ? undefined : `${link.brick}/${link.transceiver}`;
  }

  async connect(id: string, pairs: readonly Pair[]): Promise<Changed> {
    this.switch(id);
    const { changed } = await this.#switches.connect(id, pairs);
    if (changed.length > 0) this.#tell({ kind: 'ports.connected', switch: id, ports: changed });
    return { changed };
  }

  async disconnect(id: string, pairs: readonly Pair[]): Promise<Changed> {
    this.switch(id);
    const { changed } = await this.#switches.disconnect(id, pairs);
    if (changed.length > 0) this.#tell({ kind: 'ports.disconnected', switch: id, ports: changed });
    return { changed };
  }

  get term(): Term | undefined {
    return this.#term;
  }

  async keepTerm(term: Term): Promise<void> {
    if (this.#term === undefined || term.epoch > this.#term.epoch) this.#term = term;
    await this.#file.save();
  }

  subscribe(listener: (event: BoardEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#links.close();
    await this.#file.save();
  }

  #state(): BoardState {
    const term = this.#term;
    return {
      version: 1,
      bricks: Object.fromEntries([...this.#bricks].map(([id, state]) => [id, { ...state }])),
      switches: Object.fromEntries(
        this.switches().map((each) => [
          each.id,
          each.pairs().map(([a, b]): [number, number] => [a, b]),
        ]),
      ),
      ...(term !== undefined && {
        term: { epoch: String(term.epoch), controller: term.controller },
      }),
    };
  }

  #info(id: string): BrickInfo {
    const { type, transceivers } = this.#options.bricks.find((brick) => brick.id === id)!;
    const plugged = !this.faults.unplugged(id);
    const on = plugged && this.#bricks.get(id)!.on && !this.faults.powerOff(id);
    return { id, type, transceivers, plugged, on };
  }

  #known(id: string): void {
    if (this.#bricks.has(id)) return;
    const names = [...this.#bricks.keys()].join(', ') || 'none';
    throw new SdmError('SDM_NO_RESOURCE', `there is no brick ${id} here; there is ${names}`, {
      details: { brick: id },
    });
  }

  #reachable(id: string): void {
    if (this.faults.unplugged(id)) throw unreachable(`brick ${id}`, 'its slot is empty');
    if (this.faults.silent({ brick: id }))
      throw unreachable(`brick ${id}`, 'it is silent (a fault)');
  }

  #linksOf(brick: string): EmulatedBoardOptions['links'] {
    return this.#options.links.filter((link) => link.brick === brick);
  }

  #behind(id: string, pairs: readonly Pair[]): EmulatedBoardOptions['links'] {
    const ports = new Set(pairs.flat());
    return this.#options.links.filter((link) => link.switch === id && ports.has(link.port));
  }

  /** A link is up where its port leads on, and its brick is there: of other trays' bricks that is taken for so. */
  #wanted(brick: string, transceiver: number): boolean {
    const here = this.#bricks.has(brick) ? this.#info(brick) : undefined;
    if (here !== undefined && !here.on) return false;
    return this.#linksOf(brick).some(
      (link) =>
        link.transceiver === transceiver &&
        this.#switches.get(link.switch).peers(link.port).length > 0,
    );
  }

  async #updateLinks(links: EmulatedBoardOptions['links']): Promise<void> {
    await Promise.all(
      links.map(({ brick, transceiver }) => this.#links.update(brick, transceiver)),
    );
  }

  #tell(event: BoardEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function unreachable(what: string, why: string): SdmError {
  return new SdmError('SDM_RESOURCE_UNREACHABLE', `${what} does not answer: ${why}`);
}

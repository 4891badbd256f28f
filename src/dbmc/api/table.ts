import type { Static, TObject } from 'typebox';
import { SdmError } from '../../common/errors.js';
import type { Pair } from '../board/cross-connect.js';
import type { Board, Sensor } from '../board/types.js';
import {
  ANSWERS,
  BootSourceArgs,
  BoxArgs,
  BrickArgs,
  PortArgs,
  PortsArgs,
  SwitchArgs,
} from './forms.js';

/** What a route works on. */
export interface Tray {
  readonly board: Board;
  /** "rack.box.tray", or "rack". */
  readonly id: string;
  readonly rack: number;
  /** undefined for the switches of a rack. */
  readonly box: number | undefined;
}

/** One of the document's routes: the only place that says what it is called, takes, does and answers. */
export interface D44Route {
  readonly path: string;
  readonly summary: string;
  /** It changes something: not for those who may only read. */
  readonly commands: boolean;
  readonly args: TObject;
  readonly answer: TObject;
  run(tray: Tray, args: never): unknown;
}

type BrickKey = Static<typeof BrickArgs>;
type BoxKey = Static<typeof BoxArgs>;
type SwitchKey = Static<typeof SwitchArgs>;

const WATTS_OF_SWITCH = 4;
const WATTS_PER_PORT = 0.5;

export const ROUTES: readonly D44Route[] = [
  ...([true, false] as const).map((on) =>
    route('dbrick', on ? 'switchon' : 'switchoff', `Switch a brick ${on ? 'on' : 'off'}`, {
      commands: true,
      args: BrickArgs,
      answer: ANSWERS.isOn,
      run: async (tray, args: BrickKey) => {
        await tray.board.setPower(brickOf(tray, args), on);
        return ofBrick(tray, args, { isOn: on });
      },
    }),
  ),
  reads('dbrick', 'ison', 'Whether a brick is on', BrickArgs, ANSWERS.isOn, (tray, args) =>
    ofBrick(tray, args, { isOn: tray.board.brick(brickOf(tray, args)).on }),
  ),
  reads('dbrick', 'info', 'All of a brick', BrickArgs, ANSWERS.brick, (tray, args) => {
    const id = brickOf(tray, args);
    const { type, plugged, on, transceivers } = tray.board.brick(id);
    const { board } = tray;
    return ofBrick(tray, args, {
      ...{ type, plugged, isOn: on, transceivers },
      bootSource: board.bootSource(id),
      links: board.links(id),
      pcie: board.pcie(id),
    });
  }),
  reads('dbrick', 'power', 'What a brick takes', BrickArgs, ANSWERS.brickPower, (tray, args) => {
    const { watts, on } = tray.board.brickPower(brickOf(tray, args));
    return ofBrick(tray, args, { isOn: on, watts });
  }),
  reads(
    'dbrick',
    'getbootsource',
    'Where a brick boots from',
    BrickArgs,
    ANSWERS.bootSource,
    (tray, args) => ofBrick(tray, args, { path: tray.board.bootSource(brickOf(tray, args)) }),
  ),
  route('dbrick', 'setbootsource', 'Have a brick boot from somewhere else', {
    commands: true,
    args: BootSourceArgs,
    answer: ANSWERS.bootSource,
    run: async (tray, args: Static<typeof BootSourceArgs>) => {
      await tray.board.setBootSource(brickOf(tray, args), args.path);
      return ofBrick(tray, args, { path: args.path });
    },
  }),
  reads('dbrick', 'links', "A brick's transceivers", BrickArgs, ANSWERS.links, (tray, args) =>
    ofBrick(tray, args, { links: tray.board.links(brickOf(tray, args)) }),
  ),
  reads('dbrick', 'pcie', "A brick's PCIe devices", BrickArgs, ANSWERS.pcie, (tray, args) =>
    ofBrick(tray, args, { pcie: tray.board.pcie(brickOf(tray, args)) }),
  ),
  reads(
    'dbrick',
    'ping',
    'Whether a brick answers',
    BrickArgs,
    ANSWERS.brickAlive,
    (tray, args) => {
      tray.board.ping(brickOf(tray, args));
      return ofBrick(tray, args, { alive: true });
    },
  ),

  reads('dbox', 'info', 'All of a tray', BoxArgs, ANSWERS.box, (tray, args) =>
    ofBox(tray, args, {
      tray: tray.id,
      bricks: tray.board.bricks(),
      switches: tray.board.switches().map(({ id, kind, ports }) => ({ switchId: id, kind, ports })),
      firmware: tray.board.firmware(),
    }),
  ),
  reads('dbox', 'temperature', 'How warm it is', BoxArgs, ANSWERS.temperature, (tray, args) => {
    const sensors = sensorsOf(tray, 'temperature');
    return ofBox(tray, args, { celsius: sensors[0]?.value ?? 0, sensors });
  }),
  reads('dbox', 'power', 'What the tray takes', BoxArgs, ANSWERS.boxPower, (tray, args) => {
    const sensors = sensorsOf(tray, 'power');
    return ofBox(tray, args, { watts: sensors[0]?.value ?? 0, sensors });
  }),
  reads('dbox', 'fanspeed', 'How fast fans turn', BoxArgs, ANSWERS.fans, (tray, args) =>
    ofBox(tray, args, { fans: sensorsOf(tray, 'fan') }),
  ),
  reads('dbox', 'sensors', 'All sensors', BoxArgs, ANSWERS.sensors, (tray, args) =>
    ofBox(tray, args, { sensors: tray.board.sensors() }),
  ),
  reads('dbox', 'firmware', 'Versions of firmware', BoxArgs, ANSWERS.firmware, (tray, args) =>
    ofBox(tray, args, { firmware: tray.board.firmware() }),
  ),
  reads('dbox', 'ping', 'Whether the tray answers', BoxArgs, ANSWERS.boxAlive, (tray, args) =>
    ofBox(tray, args, { alive: true }),
  ),

  reads('switch', 'info', 'All of a switch', SwitchArgs, ANSWERS.switch, (tray, args) => {
    const { id, kind, ports, ...view } = switchOf(tray, args);
    return ofSwitch(tray, args, { switchId: id, kind, ports, connected: view.pairs.length });
  }),
  ...(['connect', 'disconnect'] as const).map((what) =>
    route(
      'switch',
      `${what}ports`,
      `${what === 'connect' ? 'Connect' : 'Take apart'} pairs of ports`,
      {
        commands: true,
        args: PortsArgs,
        answer: ANSWERS.ports,
        run: async (tray, args: Static<typeof PortsArgs>) => {
          const { id } = switchOf(tray, args);
          const { changed } = await tray.board[what](id, JSON.parse(args.ports) as Pair[]);
          const { pairs } = switchOf(tray, args);
          return ofSwitch(tray, args, { switchId: id, changed, ports: pairs });
        },
      },
    ),
  ),
  reads(
    'switch',
    'portendpoint',
    'What hangs on a port',
    PortArgs,
    ANSWERS.endpoint,
    (tray, args) => {
      const { id } = switchOf(tray, args);
      const endpoint = tray.board.endpoint(id, args.portId);
      const connected = tray.board.switch(id).peers(args.portId);
      return ofSwitch(tray, args, {
        ...{ switchId: id, portId: args.portId, connected },
        ...(endpoint !== undefined && { endpoint }),
      });
    },
  ),
  reads('switch', 'portsinfo', 'What is connected', SwitchArgs, ANSWERS.portsInfo, (tray, args) => {
    const { id, kind, ports, pairs } = switchOf(tray, args);
    return ofSwitch(tray, args, { switchId: id, kind, ports, connections: pairs });
  }),
  reads(
    'switch',
    'powerutilization',
    'What a switch takes',
    SwitchArgs,
    ANSWERS.switchPower,
    (tray, args) => {
      const { id, ports, pairs } = switchOf(tray, args);
      const used = new Set(pairs.flat()).size;
      return ofSwitch(tray, args, {
        switchId: id,
        watts: WATTS_OF_SWITCH + used * WATTS_PER_PORT,
        utilization: Math.round((used / ports) * 1000) / 10,
      });
    },
  ),
];

interface Rest<A extends TObject> {
  readonly commands: boolean;
  readonly args: A;
  readonly answer: TObject;
  run(tray: Tray, args: Static<A>): unknown;
}

function route<A extends TObject>(
  of: string,
  name: string,
  summary: string,
  rest: Rest<A>,
): D44Route {
  return { path: `/api/${of}/${name}`, summary, ...rest };
}

function reads<A extends TObject>(
  of: string,
  name: string,
  summary: string,
  args: A,
  answer: TObject,
  run: (tray: Tray, args: Static<A>) => unknown,
): D44Route {
  return route(of, name, summary, { commands: false, args, answer, run });
}

/** @throws SDM_NO_RESOURCE for what is another tray's. */
function brickOf(tray: Tray, { dRackId, dBoxId, dBrickId }: BrickKey): string {
  boxOf(tray, { dRackId, dBoxId });
  return `${dRackId}.${dBoxId}.${dBrickId}`;
}

function boxOf({ id, rack, box }: Tray, { dRackId, dBoxId }: BoxKey): void {
  if (dRackId === rack && dBoxId === box) return;
  throw elsewhere(`box ${dRackId}.${dBoxId}`, id);
}

function switchOf(tray: Tray, { dRackId, dBoxId, switchId }: SwitchKey) {
  if (dRackId !== tray.rack || (tray.box !== undefined && (dBoxId ?? tray.box) !== tray.box)) {
    throw elsewhere(`rack ${dRackId}${dBoxId === undefined ? '' : `, box ${dBoxId}`}`, tray.id);
  }
  const all = tray.board.switches();
  const id = switchId ?? (all.length === 1 ? all[0]?.id : undefined);
  if (id === undefined) {
    const names = all.map((each) => each.id).join(', ') || 'none';
    throw new SdmError('SDM_INPUT', `"switchId": expected one of the switches here, ${names}`, {
      details: { switches: all.map((each) => each.id) },
    });
  }
  const named = all.some((each) => each.id === id);
  const found = tray.board.switch(named || !/^\d+$/.test(id) ? id : (all[Number(id)]?.id ?? id));
  return { id: found.id, kind: found.kind, ports: found.ports, pairs: found.pairs() };
}

function elsewhere(what: string, id: string): SdmError {
  return new SdmError('SDM_NO_RESOURCE', `${what} was named; this is the daemon of ${id} alone`, {
    details: { tray: id },
  });
}

function ofBrick({ board }: Tray, key: BrickKey, rest: object): object {
  const { dRackId, dBoxId, dBrickId } = key;
  return { dRackId, dBoxId, dBrickId, ...rest, emulated: board.emulated };
}

function ofBox(tray: Tray, key: BoxKey, rest: object): object {
  boxOf(tray, key);
  return { dRackId: key.dRackId, dBoxId: key.dBoxId, ...rest, emulated: tray.board.emulated };
}

function ofSwitch({ board, rack, box }: Tray, _key: SwitchKey, rest: object): object {
  return {
    dRackId: rack,
    ...(box !== undefined && { dBoxId: box }),
    ...rest,
    emulated: board.emulated,
  };
}

function sensorsOf({ board }: Tray, kind: Sensor['kind']): Sensor[] {
  return board.sensors().filter((sensor) => sensor.kind === kind);
}

/** The forms of what is asked of a tray and answered; names as D4.4 has them. */
import { Type, type TProperties } from 'typebox';
import { closed } from '../../common/server/forms.js';

const MAX_ID = 65_535;
const whole = (description: string, maximum = MAX_ID) =>
  Type.Integer({ minimum: 0, maximum, description });

/** Which is what for those who send requests on: a tray is asked directly, and reads neither. */
const target = {
  ipAddress: Type.Optional(
    Type.String({ maxLength: 253, description: 'of the tray, for those who send a request on' }),
  ),
  port: Type.Optional(whole('of the tray, for those who send a request on')),
};

const args = <P extends TProperties>(properties: P) =>
  Type.Object({ ...properties, ...target }, closed);

export const BrickArgs = args({
  dRackId: whole('rack'),
  dBoxId: whole('box in the rack'),
  dBrickId: whole('brick in the box', 15),
});
export const BootSourceArgs = args({
  dRackId: whole('rack'),
  dBoxId: whole('box in the rack'),
  dBrickId: whole('brick in the box', 15),
  path: Type.String({ minLength: 1, maxLength: 1024, description: 'where it boots from' }),
});
export const BoxArgs = args({ dRackId: whole('rack'), dBoxId: whole('box in the rack') });

const switchKey = {
  dRackId: whole('rack'),
  dBoxId: Type.Optional(whole('box in the rack; not for the switches of a rack')),
  switchId: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
      description: 'its id, or its place in the list from 0; none where there is only one',
      expected: 'the id of a switch, such as "dbesm-0-0", or its place in the list, such as "0"',
    }),
  ),
};
export const SwitchArgs = args(switchKey);
export const PortsArgs = args({
  ...switchKey,
  ports: Type.String({
    pattern:
      '^\\s*\\[\\s*(\\[\\s*\\d{1,7}\\s*,\\s*\\d{1,7}\\s*\\]\\s*(,\\s*\\[\\s*\\d{1,7}\\s*,\\s*\\d{1,7}\\s*\\]\\s*)*)?\\]\\s*$',
    maxLength: 32_768,
    description: 'pairs of ports',
    expected: 'pairs of ports such as "[[13,14],[41,37]]"',
  }),
});
export const PortArgs = args({ ...switchKey, portId: whole('a port', 9_999_999) });

const emulated = Type.Boolean({
  description: 'true: no hardware says so, this daemon makes it up',
});
const Watts = Type.Number({ description: 'watt' });
export const Pairs = Type.Array(Type.Tuple([Type.Integer(), Type.Integer()]));

const Sensor = Type.Object(
  {
    name: Type.String(),
    kind: Type.Enum(['temperature', 'power', 'voltage', 'fan']),
    value: Type.Number(),
    unit: Type.Enum(['celsius', 'watt', 'volt', 'rpm']),
    state: Type.Enum(['ok', 'warning', 'critical']),
  },
  closed,
);
const Firmware = Type.Object({ component: Type.String(), version: Type.String() }, closed);
const Pcie = Type.Object(
  {
    address: Type.String(),
    vendor: Type.String(),
    device: Type.String(),
    description: Type.String(),
  },
  closed,
);
const Link = Type.Object(
  {
    transceiver: Type.Integer(),
    port: Type.Optional(Type.String({ description: 'SWITCH/PORT; none: nothing hangs on it' })),
    up: Type.Boolean(),
  },
  closed,
);
const Brick = Type.Object(
  {
    id: Type.String(),
    type: Type.Enum(['compute', 'memory', 'accelerator']),
    transceivers: Type.Integer(),
    plugged: Type.Boolean(),
    on: Type.Boolean(),
  },
  closed,
);
const SwitchInfo = {
  switchId: Type.String(),
  kind: Type.Enum(['electrical', 'optical']),
  ports: Type.Integer({ description: 'numbered from 0' }),
};

const brickAnswer = <P extends TProperties>(properties: P) =>
  Type.Object(
    {
      dRackId: Type.Integer(),
      dBoxId: Type.Integer(),
      dBrickId: Type.Integer(),
      ...properties,
      emulated,
    },
    closed,
  );
const boxAnswer = <P extends TProperties>(properties: P) =>
  Type.Object({ dRackId: Type.Integer(), dBoxId: Type.Integer(), ...properties, emulated }, closed);
const switchAnswer = <P extends TProperties>(properties: P) =>
  Type.Object(
    {
      dRackId: Type.Integer(),
      dBoxId: Type.Optional(Type.Integer()),
      ...properties,
      emulated,
    },
    closed,
  );

/** Answers by the name of the route that gives them. */
export const ANSWERS = {
  isOn: brickAnswer({ isOn: Type.Boolean() }),
  brick: brickAnswer({
    type: Brick.properties.type,
    plugged: Type.Boolean(),
    isOn: Type.Boolean(),
    transceivers: Type.Integer(),
    bootSource: Type.String(),
    links: Type.Array(Link),
    pcie: Type.Array(Pcie),
  }),
  brickPower: brickAnswer({ isOn: Type.Boolean(), watts: Watts }),
  bootSource: brickAnswer({ path: Type.String() }),
  links: brickAnswer({ links: Type.Array(Link) }),
  pcie: brickAnswer({ pcie: Type.Array(Pcie) }),
  brickAlive: brickAnswer({ alive: Type.Literal(true) }),
  box: boxAnswer({
    tray: Type.String(),
    bricks: Type.Array(Brick),
    switches: Type.Array(Type.Object(SwitchInfo, closed)),
    firmware: Type.Array(Firmware),
  }),
  temperature: boxAnswer({ celsius: Type.Number(), sensors: Type.Array(Sensor) }),
  boxPower: boxAnswer({ watts: Watts, sensors: Type.Array(Sensor) }),
  fans: boxAnswer({ fans: Type.Array(Sensor) }),
  sensors: boxAnswer({ sensors: Type.Array(Sensor) }),
  firmware: boxAnswer({ firmware: Type.Array(Firmware) }),
  boxAlive: boxAnswer({ alive: Type.Literal(true) }),
  switch: switchAnswer({ ...SwitchInfo, connected: Type.Integer({ description: 'pairs' }) }),
  ports: switchAnswer({
    switchId: Type.String(),
    changed: Pairs,
    ports: { ...Pairs, description: 'all that are connected now' },
  }),
  endpoint: switchAnswer({
    switchId: Type.String(),
    portId: Type.Integer(),
    endpoint: Type.Optional(
      Type.String({ description: 'BRICK/TRANSCEIVER; none: no brick hangs on it' }),
    ),
    connected: Type.Array(Type.Integer(), { description: 'the ports that it leads to' }),
  }),
  portsInfo: switchAnswer({ ...SwitchInfo, connections: Pairs }),
  switchPower: switchAnswer({
    switchId: Type.String(),
    watts: Watts,
    utilization: Type.Number({ description: 'percent of the ports that are connected' }),
  }),
} as const;

export { Brick as BoardBrick, Firmware as BoardFirmware, Sensor as BoardSensor, SwitchInfo };

import { setTimeout as delay } from 'node:timers/promises';
import { Type, type Static, type TProperties } from 'typebox';
import { SdmError } from '../../common/errors.js';
import { answers } from '../../common/server/answers.js';
import type { App } from '../../common/server/app.js';
import { closed, named, ref } from '../../common/server/forms.js';
import type { Fault } from '../board/types.js';
import { BoardBrick, BoardFirmware, BoardSensor, Pairs, SwitchInfo } from './forms.js';
import type { Tray } from './table.js';

const Brick = Type.String({ maxLength: 32, description: 'rack.box.brick' });
const Switch = Type.String({ maxLength: 63 });
const fault = <K extends Fault['kind'], P extends TProperties>(kind: K, properties: P) =>
  Type.Object({ kind: Type.Literal(kind), ...properties }, closed);

const FaultForm = Type.Union([
  fault('port', {
    switch: Switch,
    port: Type.Integer({ minimum: 0, maximum: 65_535, description: 'does not connect' }),
  }),
  fault('slow', {
    ms: Type.Integer({
      minimum: 0,
      maximum: 60_000,
      description: 'before every answer below /api',
    }),
  }),
  fault('unplugged', { brick: Brick }),
  fault('power-off', { brick: Brick }),
  fault('silent', {
    brick: Type.Optional({ ...Brick, description: 'this brick, or this switch, does not answer' }),
    switch: Type.Optional(Switch),
  }),
  fault('hot', { celsius: Type.Number({ minimum: -50, maximum: 200 }) }),
]);
const Faults = Type.Object({ faults: Type.Array(FaultForm, { maxItems: 256 }) }, closed);

export const BoardView = named('Board', 'All that a tray knows of its board', {
  tray: Type.String({ description: 'rack.box.tray, or the rack of which it has the switches' }),
  role: Type.Enum(['tray', 'rack']),
  emulated: Type.Boolean({ description: 'true: no hardware says so, this daemon makes it up' }),
  bricks: Type.Array(BoardBrick),
  switches: Type.Array(Type.Object({ ...SwitchInfo, connections: Pairs }, closed)),
  sensors: Type.Array(BoardSensor),
  firmware: Type.Array(BoardFirmware),
  controller: Type.Union(
    [
      Type.Object(
        {
          address: Type.String(),
          registered: Type.Boolean({ description: 'it answered when it was told last' }),
          error: Type.Optional(Type.String()),
        },
        closed,
      ),
      Type.Null(),
    ],
    { description: 'null: none was configured' },
  ),
});
export type BoardView = Static<typeof BoardView>;

export const Health = named('DbmcHealth', 'Whether the tray is well', {
  status: Type.Literal('ok'),
  tray: Type.String(),
  pid: Type.Integer(),
  problems: Type.Array(Type.Object({ about: Type.String(), text: Type.String() }, closed)),
});

export interface OwnParts {
  readonly tray: Tray;
  readonly role: 'tray' | 'rack';
  /** What of the controller is known. */
  readonly controller: () => BoardView['controller'];
}

export function ownRoutes(app: App, { tray, role, controller }: OwnParts): void {
  const { board } = tray;
  app.addHook('preHandler', async (request) => {
    const ms = request.url.startsWith('/api/') ? (board.faults?.slowMs ?? 0) : 0;
    if (ms > 0) await delay(ms);
  });

  app.get(
    '/v1/board',
    {
      schema: {
        tags: ['board'],
        summary: 'All of the board',
        response: answers({ 200: ref(BoardView) }),
      },
    },
    (): BoardView => ({
      tray: tray.id,
      role,
      emulated: board.emulated,
      bricks: [...board.bricks()],
      switches: board.switches().map((each) => ({
        switchId: each.id,
        kind: each.kind,
        ports: each.ports,
        connections: each.pairs().map(([a, b]): [number, number] => [a, b]),
      })),
      sensors: [...board.sensors()],
      firmware: [...board.firmware()],
      controller: controller(),
    }),
  );

  const faults = () => {
    if (board.faults !== undefined) return board.faults;
    throw new SdmError('SDM_NOT_FOUND', 'this board is not emulated: nothing makes it fail');
  };
  app.get(
    '/v1/faults',
    {
      schema: {
        tags: ['faults'],
        summary: 'What was made to go wrong',
        response: answers({ 200: Faults }),
      },
    },
    () => ({ faults: [...faults().list()] as Static<typeof FaultForm>[] }),
  );
  app.post(
    '/v1/faults',
    {
      schema: {
        tags: ['faults'],
        summary: 'Say what goes wrong from now on; [] for nothing',
        body: Faults,
        response: answers({ 200: Faults }),
      },
    },
    async ({ body }) => {
      await faults().set(body.faults as Fault[]);
      return { faults: [...faults().list()] as Static<typeof FaultForm>[] };
    },
  );

  app.get(
    '/healthz',
    {
      schema: {
        tags: ['board'],
        summary: 'Does the daemon answer',
        response: answers({ 200: ref(Health) }),
      },
    },
    () => {
      const known = controller();
      const problems =
        known === null || known.registered
          ? []
          : [{ about: 'controller', text: known.error ?? `${known.address} was not reached yet` }];
      return { status: 'ok' as const, tray: tray.id, pid: process.pid, problems };
    },
  );
}

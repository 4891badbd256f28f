import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { Type, type Static } from 'typebox';
import {
  encodeCommand,
  parseCommand,
  SEGMENTS_MAX,
  TEXT_MAX,
  type Action,
  type Command,
} from '../../../abi/d44/index.js';
import { SdmError } from '../../../common/errors.js';
import type { App } from '../../../common/server/app.js';
import { answers } from '../../../common/server/answers.js';
import { shown, type ApiContext } from '../context.js';
import { readAnyBodies } from '../loose-bodies.js';
import { OPERATE } from '../roles.js';
import { brickOf } from '../target.js';

const tags = ['synthesizer'];
/** An agent waits for its links; ours is longer than its own deadline. */
const AGENT_MS = 60_000;

const open = { additionalProperties: true } as const;
const Text = (description: string) => Type.String({ minLength: 1, maxLength: 255, description });
const Key = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description }));
/** A number up to 2^53 - 1, or hex with or without 0x: read by the reader of D4.4's commands. */
const Address = (description: string) =>
  Type.Optional(Type.Unsafe<string | number>({ type: ['integer', 'string'], description }));

const Segment = Type.Object(
  {
    startA: Address('first local physical address, hex'),
    endA: Address('last local physical address, hex'),
    offset: Address('what leads from startA to the remote address; bit 63 or a minus subtracts'),
    port: Address('network id, out and in'),
    net: Address('the same, in place of port'),
    action: Type.Optional(Type.String({ maxLength: 16, description: '"Add" or "Remove"' })),
  },
  { additionalProperties: false },
);
const Segments = Type.Optional(Type.Array(Segment, { minItems: 1, maxItems: SEGMENTS_MAX }));

const Body = Type.Object(
  {
    dRackId: Key('of the compute brick'),
    dBoxId: Key('of the compute brick'),
    dBrickId: Type.Optional(Type.Integer({ minimum: 0, maximum: 15 })),
    ipAddress: Type.Optional(Text("of the brick's agent, where no key names the brick")),
    port: Address("of the brick's agent"),
    ComputeBrickIP: Type.Optional(Text('the same as "http://host:port"')),
    segments: Segments,
    memoryAddress: Segments,
    startA: Address('of the only segment, in place of a list'),
    endA: Address('of the only segment'),
    offset: Address('of the only segment'),
    net: Address('of the only segment; default 0'),
    action: Type.Optional(Type.String({ maxLength: 16 })),
  },
  open,
);
type Body = Static<typeof Body>;

const Done = Type.Object(
  {
    status: Type.Literal(0),
    message: Type.Literal('All good'),
    brick: Type.String(),
    attachments: Type.Array(Type.Unknown(), { description: "the agent's, in the segments' order" }),
  },
  { additionalProperties: false },
);

/** The synthesizer's routes: a command for one brick, passed to its agent. */
export function memoryRoutes(app: App, context: ApiContext): void {
  void app.register((scope, _options, done) => {
    readAnyBodies(scope as unknown as App);
    const typed = scope.withTypeProvider<TypeBoxTypeProvider>();
    for (const [path, action, summary] of [
      ['addremotememory', 'Add', 'Have a brick add segments'],
      ['removeremotememory', 'Remove', 'Have a brick remove segments'],
    ] as const) {
      typed.post(
        `/api/memory/${path}`,
        {
          bodyLimit: TEXT_MAX,
          config: { allow: OPERATE },
          schema: {
            tags,
            summary,
            description:
              'By hand: no platform knows of it, and the reconcile loop reports it. A brick that is ' +
              'not of this rack is 410, one that does not answer 404.',
            body: Body,
            response: answers({ 200: Done }),
          },
        },
        async (request) => shown(await passOn(context, request.body, action)),
      );
    }
    done();
  });
}

async function passOn({ core, open }: ApiContext, body: Body, action: Action): Promise<unknown> {
  const command = commandOf(body, action);
  const { port, ...rest } = body;
  const brick = brickOf({ ...rest, ...(port === undefined ? {} : { port }) }, core.bricks());
  const transport = open(brick.address!);
  try {
    const answer = (await transport.request({
      method: 'POST',
      path: '/RemoteMemory',
      headers: {}, // without our name: it is by hand, and the reconcile loop leaves it alone
      body: encodeCommand(command),
      timeoutMs: AGENT_MS,
    })) as { readonly attachments?: unknown };
    const attachments = answer.attachments ?? [];
    return { status: 0, message: 'All good', brick: brick.id, attachments };
  } catch (error) {
    if (!(error instanceof SdmError) || error.code !== 'SDM_UNREACHABLE') throw error;
    throw new SdmError('SDM_RESOURCE_UNREACHABLE', `brick ${brick.id}: ${error.message}`, {
      details: { ...error.details, brick: brick.id },
      cause: error,
    });
  } finally {
    transport.close();
  }
}

/** @throws SDM_INPUT, naming segment and key. */
function commandOf(body: Body, action: Action): Command {
  const { segments = body.memoryAddress, startA, endA, offset, net = 0 } = body;
  const list = segments ?? [{ startA, endA, offset, net }];
  const command = parseCommand(JSON.stringify({ action: body.action ?? action, segments: list }));
  if (command.action === action) return command;
  throw new SdmError(
    'SDM_INPUT',
    `action: expected ${action} at this route, found ${command.action}: there is another route for it`,
    { details: { key: 'action', expected: action, found: command.action } },
  );
}

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { ACTIONS, parseCommand, SEGMENTS_MAX, TEXT_MAX } from '../../../abi/d44/index.js';
import { RemoteMemory } from '../../d44.js';
import { toJson } from '../../../common/json.js';
import { callerOf, CallerHeaders } from '../caller.js';
import { answers } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import type { ApiContext } from '../context.js';
import { closed, ref } from '../../../common/server/forms.js';
import { Attachment } from '../schemas.js';

const Address = (description: string) =>
  Type.Union([Type.Integer(), Type.String()], {
    description: `${description}; a number up to 2^53 - 1, or a hex string with or without 0x`,
  });

const Segment = Type.Object(
  {
    startA: Address('first local physical address'),
    endA: Address('last local physical address'),
    offset: Type.Optional(
      Address('what leads from startA to the remote address; bit 63 or a minus subtracts'),
    ),
    net: Type.Optional(Address('network id, out and in')),
    port: Type.Optional(Address('older form, instead of net')),
    action: Type.Optional(Type.Enum(ACTIONS, { description: 'older form' })),
  },
  closed,
);

/** For the document: what comes is text, which the reader of D4.4's formats checks. */
const CommandText = Type.Unsafe<string>({
  ...Type.Object(
    {
      action: Type.Enum(ACTIONS),
      segments: Type.Array(Segment, { minItems: 1, maxItems: SEGMENTS_MAX }),
      cIP: Type.Optional(
        Type.String({ description: 'address of the compute brick that is meant' }),
      ),
    },
    closed,
  ),
  type: ['object', 'string'],
  description: 'JSON, whatever the content type says, or the same as Python prints it',
  expected: "D4.4's command, as JSON or as Python prints it",
});

const RemoteMemoryAnswer = Type.Object(
  {
    status: Type.Literal(0),
    message: Type.Literal('All good'),
    attachments: Type.Array(ref(Attachment), { description: 'in the order of the segments' }),
  },
  closed,
);

/** D4.4's command, with its own reader of bodies: senders name no content type, or any. */
export function remoteMemoryRoutes(app: App, { agent, addresses }: ApiContext): void {
  const remoteMemory = new RemoteMemory(agent, addresses);
  void app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, parsed) =>
      parsed(null, body),
    );
    scope.withTypeProvider<TypeBoxTypeProvider>().post(
      '/RemoteMemory',
      {
        bodyLimit: TEXT_MAX,
        schema: {
          tags: ['attachments'],
          summary: "Carry out D4.4's command",
          description: 'Adds or removes all segments or none: docs/d44.md.',
          headers: CallerHeaders,
          body: CommandText,
          response: answers({ 200: RemoteMemoryAnswer }),
        },
      },
      async (request) => {
        const caller = callerOf(request.headers, request.identity, true);
        const attachments = await remoteMemory.run(parseCommand(request.body), caller);
        return {
          status: 0 as const,
          message: 'All good' as const,
          attachments: attachments.map(toJson),
        };
      },
    );
    done();
  });
}

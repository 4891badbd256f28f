import type { TSchema } from 'typebox';
import type { Access } from '../access.js';
import { failures } from '../answers.js';
import type { App } from '../app.js';
import { EventsHeaders, EventsQuery } from '../event-schema.js';
import { STREAM_HEADERS, type EventStreams } from '../event-streams.js';

/** @param schema of the data of one event: a reference to what is among the components. */
export function eventRoutes(
  app: App,
  access: Access,
  streams: EventStreams,
  schema: TSchema,
): void {
  app.get(
    '/v1/events',
    {
      schema: {
        tags: ['events'],
        summary: 'What happens, as it happens',
        description:
          'Server-Sent Events: `id` to resume with, `event` is the kind, `data` is one line of ' +
          'JSON as the schema says. After a restart, or where more happened than is kept, the ' +
          'first event is `gap`.',
        querystring: EventsQuery,
        headers: EventsHeaders,
        response: {
          200: {
            description: 'a stream; the schema is that of each `data`',
            content: { 'text/event-stream': { schema } },
          },
          ...failures,
        },
      },
    },
    (request, reply) => {
      const { after, follow = true } = request.query;
      streams.checkRoom();
      reply.hijack();
      if (request.method === 'HEAD') reply.raw.writeHead(200, STREAM_HEADERS).end();
      else {
        const id = request.headers['last-event-id'] ?? after;
        streams.open(reply.raw, id, follow, () => access.admit(request));
      }
    },
  );
}

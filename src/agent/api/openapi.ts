import swagger from '@fastify/swagger';
import { fastify, type RouteOptions } from 'fastify';
import { Brick } from './brick-schema.js';
import { Event } from './event-schema.js';
import {
  Attachment,
  ErrorAnswer,
  Health,
  Memory,
  Memport,
  ModuleView,
  NodeView,
  Transceiver,
} from './schemas.js';
import { schemaController } from './validation.js';

const COMPONENTS = [
  ErrorAnswer,
  Attachment,
  Memport,
  Transceiver,
  NodeView,
  ModuleView,
  Memory,
  Health,
  Event,
  Brick,
];

/**
 * The contract, made from the schemas of the routes. On an instance of its own, which is never
 * listened on: what makes the document takes a tenth of a start, and few agents are ever asked.
 */
export async function describeApi(routes: readonly RouteOptions[]): Promise<object> {
  const app = fastify({ schemaController: schemaController(() => () => true) });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'sdm-agent',
        version: '1',
        description: 'Remote memory of one brick. Addresses and sizes are "0x…" strings of bytes.',
      },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) =>
        typeof json['$id'] === 'string' ? json['$id'] : `schema-${i}`,
    },
  });
  for (const schema of COMPONENTS) app.addSchema(schema);
  for (const { method, url, schema } of routes) {
    app.route({ method, url, ...(schema && { schema }), handler: () => undefined });
  }
  await app.ready();
  return app.swagger();
}

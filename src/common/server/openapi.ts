import swagger from '@fastify/swagger';
import { fastify, type RouteOptions } from 'fastify';
import type { TSchema } from 'typebox';
import { ErrorAnswer } from './answers.js';
import { schemaController } from './validation.js';

/** What the document says beside the routes. */
export interface Description {
  /** Of the daemon, such as "sdm-agent". */
  readonly title: string;
  readonly description: string;
  /** Schemas with a name of their own (`$id`), to which those of the routes refer. */
  readonly components: readonly TSchema[];
  /** Under which `/openapi.json` and `/metrics` stand. */
  readonly tag: string;
}

/**
 * The contract, made from the schemas of the routes. On an instance of its own, which is never
 * listened on: what makes the document takes a tenth of a start, and few daemons are ever asked.
 */
export async function describeApi(
  { title, description, components }: Description,
  routes: readonly RouteOptions[],
): Promise<object> {
  const app = fastify({ schemaController: schemaController(() => () => true) });
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title, version: '1', description } },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) =>
        typeof json['$id'] === 'string' ? json['$id'] : `schema-${i}`,
    },
  });
  for (const schema of [ErrorAnswer, ...components]) app.addSchema(schema);
  for (const { method, url, schema } of routes) {
    app.route({ method, url, ...(schema && { schema }), handler: () => undefined });
  }
  await app.ready();
  return app.swagger();
}

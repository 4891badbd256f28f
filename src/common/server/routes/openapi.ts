import type { RouteOptions } from 'fastify';
import { Type } from 'typebox';
import { failures } from '../answers.js';
import type { App } from '../app.js';
import type { Description } from '../openapi.js';

/** @param routes all of them, once the app is ready. */
export function openapiRoutes(
  app: App,
  description: Description,
  routes: readonly RouteOptions[],
): void {
  let document: Promise<object> | undefined;
  app.get(
    '/openapi.json',
    {
      schema: {
        tags: [description.tag],
        summary: 'This document',
        response: { 200: Type.Object({}, { additionalProperties: true }), ...failures },
      },
    },
    async () => (document ??= (await import('../openapi.js')).describeApi(description, routes)),
  );
}

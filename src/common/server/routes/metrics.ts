import { Type } from 'typebox';
import { failures } from '../answers.js';
import type { App } from '../app.js';
import type { Metrics } from '../metrics.js';

/** @param tag of the document under which it stands. */
export function metricRoutes(app: App, metrics: Metrics, tag: string): void {
  app.get(
    '/metrics',
    {
      schema: {
        tags: [tag],
        summary: 'What an operator graphs',
        response: {
          200: {
            description: "Prometheus's text format",
            content: { 'text/plain': { schema: Type.String() } },
          },
          ...failures,
        },
      },
    },
    async (_request, reply) => {
      const { contentType, text } = await metrics.text();
      return reply.type(contentType).send(text);
    },
  );
}

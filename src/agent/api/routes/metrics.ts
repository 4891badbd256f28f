import { Type } from 'typebox';
import type { Metrics } from '../../observe/metrics.js';
import { failures, type App } from '../context.js';

export function metricRoutes(app: App, metrics: Metrics): void {
  app.get(
    '/metrics',
    {
      schema: {
        tags: ['brick'],
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

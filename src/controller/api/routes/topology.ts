import { Type } from 'typebox';
import { failures } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import { closed } from '../../../common/server/forms.js';
import { shown, type ApiContext } from '../context.js';
import { READ } from '../roles.js';

const FORMATS = ['json', 'gexf', 'dot'] as const;
const TYPES = { gexf: 'application/gexf+xml', dot: 'text/vnd.graphviz' } as const;
const TopologyQuery = Type.Object(
  {
    format: Type.Optional(
      Type.Enum(FORMATS, { default: 'json', description: 'gexf for Gephi, dot for Graphviz' }),
    ),
  },
  closed,
);

export function topologyRoutes(app: App, { core }: ApiContext): void {
  app.get(
    '/v1/topology',
    {
      config: { allow: READ },
      schema: {
        tags: ['rack'],
        summary: 'Bricks, switches and links, as the topology file has them',
        querystring: TopologyQuery,
        response: {
          200: {
            description: 'the topology',
            content: {
              'application/json': { schema: Type.Object({}, { additionalProperties: true }) },
              [TYPES.gexf]: { schema: Type.String() },
              [TYPES.dot]: { schema: Type.String() },
            },
          },
          ...failures,
        },
      },
    },
    async (request, reply) => {
      const { format = 'json' } = request.query;
      if (format === 'json') return shown(core.topology());
      // Few ever ask.
      const { draw } = await import('../draw.js');
      void reply.type(`${TYPES[format]}; charset=utf-8`);
      return shown(draw(core, format));
    },
  );
}

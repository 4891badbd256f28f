import { toJson } from '../../../common/json.js';
import { callerOf, CallerHeaders } from '../caller.js';
import { answers } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import type { ApiContext } from '../context.js';
import { ref } from '../../../common/server/forms.js';
import { Memport, MemportBody, Memports, OverrideQuery, PortParams } from '../schemas.js';

const tags = ['memports'];

export function memportRoutes(app: App, { agent }: ApiContext): void {
  app.get(
    '/v1/memports',
    { schema: { tags, summary: 'List memports', response: answers({ 200: Memports }) } },
    () => ({ memports: agent.memports().map(toJson) }),
  );

  app.get(
    '/v1/memports/:port',
    {
      schema: {
        tags,
        summary: 'Show a memport',
        params: PortParams,
        response: answers({ 200: ref(Memport) }),
      },
    },
    (request) => toJson(agent.memport(request.params.port)),
  );

  app.put(
    '/v1/memports/:port',
    {
      schema: {
        tags,
        summary: 'Set a memport',
        description: 'By hand, beside attachments. Setting it to what it is set to is no error.',
        params: PortParams,
        headers: CallerHeaders,
        querystring: OverrideQuery,
        body: MemportBody,
        response: answers({ 200: ref(Memport) }),
      },
    },
    async (request) => {
      const { start, size, remote, outId, inId } = request.body;
      const spec = {
        start: BigInt(start),
        size: BigInt(size),
        remote: BigInt(remote),
        ...(outId === undefined ? {} : { outId: BigInt(outId) }),
        ...(inId === undefined ? {} : { inId: BigInt(inId) }),
      };
      const { params, query, headers, identity } = request;
      return toJson(await agent.setMemport(params.port, spec, query, callerOf(headers, identity)));
    },
  );

  app.delete(
    '/v1/memports/:port',
    {
      schema: {
        tags,
        summary: 'Clear a memport',
        params: PortParams,
        headers: CallerHeaders,
        querystring: OverrideQuery,
        response: answers({ 200: ref(Memport) }),
      },
    },
    async ({ params, query, headers, identity }) =>
      toJson(await agent.clearMemport(params.port, query, callerOf(headers, identity))),
  );
}

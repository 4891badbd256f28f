import { toJson } from '../../../common/json.js';
import { callerOf, CallerHeaders } from '../caller.js';
import { answers } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import type { ApiContext } from '../context.js';
import { ref } from '../../../common/server/forms.js';
import { Transceiver, TransceiverParams, Transceivers } from '../schemas.js';

const tags = ['transceivers'];

export function transceiverRoutes(app: App, { agent }: ApiContext): void {
  app.get(
    '/v1/transceivers',
    { schema: { tags, summary: 'List transceivers', response: answers({ 200: Transceivers }) } },
    () => ({ transceivers: agent.transceivers().map(toJson) }),
  );

  app.post(
    '/v1/transceivers/:transceiver/reset',
    {
      schema: {
        tags,
        summary: 'Reset a transceiver',
        params: TransceiverParams,
        headers: CallerHeaders,
        response: answers({ 200: ref(Transceiver) }),
      },
    },
    async ({ params, headers, identity }) =>
      toJson(await agent.resetTransceiver(params.transceiver, callerOf(headers, identity))),
  );
}

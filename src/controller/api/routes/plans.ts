import { answers } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import { ref } from '../../../common/server/forms.js';
import { shown, type ApiContext } from '../context.js';
import { planRequest } from '../requests.js';
import { READ } from '../roles.js';
import { Explanation, Plan, PlanBody } from '../schemas/plans.js';

const tags = ['plans'];
/** They change nothing, whatever their method. */
const config = { allow: READ };

export function planRoutes(app: App, { core }: ApiContext): void {
  app.post(
    '/v1/plan',
    {
      config,
      schema: {
        tags,
        summary: 'What a new platform, or a growth, would take',
        description: 'Refused as the command would be; nothing is changed either way.',
        body: PlanBody,
        response: answers({ 200: ref(Plan) }),
      },
    },
    (request) => shown(core.plan(planRequest(request.body))),
  );

  app.post(
    '/v1/explain',
    {
      config,
      schema: {
        tags,
        summary: 'Why a request would be refused, and what would work',
        body: PlanBody,
        response: answers({ 200: Explanation }),
      },
    },
    (request) => shown(core.explain(planRequest(request.body))),
  );
}

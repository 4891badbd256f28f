import { answers } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import { ref } from '../../../common/server/forms.js';
import { shown, type ApiContext } from '../context.js';
import { ADMINISTER, READ } from '../roles.js';
import { BrickParams, SwitchParams } from '../schemas/common.js';
import { Bricks, BrickView, Drift, FenceBody, Switches, SwitchView } from '../schemas/rack.js';

const tags = ['rack'];
const reading = { allow: READ };

export function brickRoutes(app: App, { core }: ApiContext): void {
  app.get(
    '/v1/bricks',
    {
      config: reading,
      schema: { tags, summary: 'List bricks', response: answers({ 200: Bricks }) },
    },
    () => shown({ bricks: core.bricks() }),
  );

  app.get(
    '/v1/bricks/:id',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Show a brick',
        params: BrickParams,
        response: answers({ 200: ref(BrickView) }),
      },
    },
    (request) => shown(core.brick(request.params.id)),
  );

  for (const [action, on, summary] of [
    ['drain', true, 'Let nothing new go to a brick; what it has stays'],
    ['undrain', false, 'Let new things go to a brick again'],
  ] as const) {
    app.post(
      `/v1/bricks/:id/${action}`,
      {
        config: { allow: ADMINISTER },
        schema: {
          tags,
          summary,
          params: BrickParams,
          response: answers({ 200: ref(BrickView) }),
        },
      },
      async (request) =>
        shown(await core.drain((request.params as BrickId).id, on, request.identity)),
    );
  }

  app.post(
    '/v1/bricks/:id/fence',
    {
      config: { allow: ADMINISTER },
      schema: {
        tags,
        summary: 'Make sure that a lost brick cannot touch what it had',
        description:
          'Proved by its ports, its power, or by `confirmed`; its segments are scrubbed then. Refused ' +
          'while nothing proves it.',
        params: BrickParams,
        body: FenceBody,
        response: answers({ 200: ref(BrickView) }),
      },
    },
    async (request) => {
      const { params, body, identity } = request;
      return shown(await core.fence(params.id, body ?? {}, identity));
    },
  );
  otherRoutes(app, core);
}

interface BrickId {
  readonly id: string;
}

function otherRoutes(app: App, core: ApiContext['core']): void {
  app.get(
    '/v1/switches',
    {
      config: reading,
      schema: { tags, summary: 'List switches', response: answers({ 200: Switches }) },
    },
    () => shown({ switches: core.switches() }),
  );

  app.get(
    '/v1/switches/:id',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Show a switch',
        params: SwitchParams,
        response: answers({ 200: ref(SwitchView) }),
      },
    },
    (request) => shown(core.switch(request.params.id)),
  );

  app.get(
    '/v1/drift',
    {
      config: reading,
      schema: {
        tags,
        summary: 'What differs from what should be',
        response: answers({ 200: Drift }),
      },
    },
    () => shown(core.drift()),
  );
}

import type { FastifyReply } from 'fastify';
import { SdmError } from '../../../common/errors.js';
import { answers } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import { ref } from '../../../common/server/forms.js';
import type { GrowResult, PlatformView, ShrinkResult } from '../../views.js';
import { shown, type ApiContext } from '../context.js';
import type { KeyedAnswer } from '../idempotency.js';
import { allocateRequest, growRequest, shrinkRequest } from '../requests.js';
import { OPERATE, READ } from '../roles.js';
import { KeyHeaders, PlatformParams } from '../schemas/common.js';
import {
  AllocateBody,
  GrowBody,
  Grown,
  PAGE_MAX,
  PageQuery,
  Platform,
  Platforms,
  Released,
  Shrunk,
  ShrinkQuery,
  Totals,
} from '../schemas/platforms.js';

const tags = ['platforms'];
const reading = { allow: READ };
const changing = { allow: OPERATE };

/** Of any status, as the command's answer says. */
export function sendKeyed(reply: FastifyReply, { status, body }: KeyedAnswer): never {
  void reply.code(status);
  return shown(body);
}

export function platformRoutes(app: App, context: ApiContext): void {
  const { core } = context;
  app.get(
    '/v1/platforms',
    {
      config: reading,
      schema: {
        tags,
        summary: 'List platforms',
        description: 'In the order of their ids, page by page.',
        querystring: PageQuery,
        response: answers({ 200: Platforms }),
      },
    },
    ({ query: { after = 0, limit = PAGE_MAX } }) => shown(core.page(after, limit)),
  );

  app.get(
    '/v1/platforms/:id',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Show a platform',
        params: PlatformParams,
        response: answers({ 200: ref(Platform) }),
      },
    },
    (request) => shown(core.get(request.params.id)),
  );

  app.get(
    '/v1/totals',
    {
      config: reading,
      schema: {
        tags,
        summary: 'What the rack has and what of it is free',
        response: answers({ 200: Totals }),
      },
    },
    () => core.totals(),
  );
  changes(app, context);
}

function changes(app: App, { core, idempotency }: ApiContext): void {
  app.post(
    '/v1/platforms',
    {
      config: changing,
      schema: {
        tags,
        summary: 'Create a platform',
        description:
          'Reserves, wires and programs; answers when the memory can be used, or when everything is ' +
          'undone.',
        headers: KeyHeaders,
        body: AllocateBody,
        response: answers({ 201: ref(Platform) }),
      },
    },
    async (request, reply) => {
      const { body, identity: who, headers } = request;
      const asked = allocateRequest(body);
      const keyed = { key: headers['idempotency-key'], who, command: 'POST /v1/platforms' };
      const answer = await idempotency.run<PlatformView>(
        { ...keyed, values: asked },
        {
          run: (options) => core.allocate(asked, who, options),
          answer: (platform) => ({ status: 201, body: platform }),
        },
      );
      return sendKeyed(reply, answer);
    },
  );

  app.delete(
    '/v1/platforms/:id',
    {
      config: changing,
      schema: {
        tags,
        summary: 'Release a platform',
        description:
          'Answers when its bricks and switches have let go of it. What cannot be reached then is ' +
          'seen to by the controller later; the answer is an error until it is done.',
        params: PlatformParams,
        headers: KeyHeaders,
        response: answers({ 200: Released }),
      },
    },
    async (request, reply) => {
      const { identity: who, headers } = request;
      const { id } = request.params;
      const keyed = { key: headers['idempotency-key'], who, command: `DELETE /v1/platforms/${id}` };
      const answer = await idempotency.run<void>(
        { ...keyed, values: {} },
        {
          run: (options) => core.release(id, who, options),
          answer: () => ({ status: 200, body: { id, state: 'released' } }),
          finish: () => core.release(id, who).catch(unlessGone),
        },
      );
      return sendKeyed(reply, answer);
    },
  );

  app.post(
    '/v1/platforms/:id/memory',
    {
      config: changing,
      schema: {
        tags,
        summary: 'Add remote memory to a platform',
        params: PlatformParams,
        headers: KeyHeaders,
        body: GrowBody,
        response: answers({ 200: Grown }),
      },
    },
    async (request, reply) => {
      const { identity: who, headers } = request;
      const { id } = request.params;
      const asked = growRequest(request.body);
      const command = `POST /v1/platforms/${id}/memory`;
      const answer = await idempotency.run<GrowResult>(
        { key: headers['idempotency-key'], who, command, values: asked },
        {
          run: (options) => core.grow(id, asked, who, options),
          answer: (result) => ({ status: 200, body: result }),
        },
      );
      return sendKeyed(reply, answer);
    },
  );

  app.delete(
    '/v1/platforms/:id/memory',
    {
      config: changing,
      schema: {
        tags,
        summary: 'Take remote memory from a platform',
        params: PlatformParams,
        headers: KeyHeaders,
        querystring: ShrinkQuery,
        response: answers({ 200: Shrunk }),
      },
    },
    async (request, reply) => {
      const { identity: who, headers } = request;
      const { id } = request.params;
      const asked = shrinkRequest(request.query);
      const command = `DELETE /v1/platforms/${id}/memory`;
      const answer = await idempotency.run<ShrinkResult>(
        { key: headers['idempotency-key'], who, command, values: asked },
        {
          run: (options) => core.shrink(id, asked, who, options),
          answer: (result) => ({ status: 200, body: result }),
          finish: async ({ body }) => {
            for (const attachment of (body as ShrinkResult).detached) {
              await core.shrink(id, { attachment }, who).catch(unlessGone);
            }
          },
        },
      );
      return sendKeyed(reply, answer);
    },
  );
}

function unlessGone(error: unknown): void {
  if (!(error instanceof SdmError && error.code === 'SDM_NOT_FOUND')) throw error;
}

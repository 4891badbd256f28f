import { toJson } from '../../../common/json.js';
import type { AttachRequest, DetachOptions } from '../../types.js';
import { callerOf, CallerHeaders } from '../caller.js';
import { answers } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import type { ApiContext } from '../context.js';
import { ref } from '../../../common/server/forms.js';
import { AttachBody, Attachment, Attachments, DetachQuery, IdParams } from '../schemas.js';

const tags = ['attachments'];

export function attachmentRoutes(app: App, { agent }: ApiContext): void {
  app.get(
    '/v1/attachments',
    { schema: { tags, summary: 'List attachments', response: answers({ 200: Attachments }) } },
    () => ({ attachments: agent.listAttachments().map(toJson) }),
  );

  app.get(
    '/v1/attachments/:id',
    {
      schema: {
        tags,
        summary: 'Show an attachment',
        params: IdParams,
        response: answers({ 200: ref(Attachment) }),
      },
    },
    (request) => toJson(agent.getAttachment(request.params.id)),
  );

  app.post(
    '/v1/attachments',
    {
      schema: {
        tags,
        summary: 'Attach remote memory',
        description: 'Answers when the memory can be used, or when everything is undone.',
        headers: CallerHeaders,
        body: AttachBody,
        response: answers({ 201: ref(Attachment) }),
      },
    },
    async (request, reply) => {
      reply.code(201);
      return toJson(
        await agent.attach(
          attachRequest(request.body),
          callerOf(request.headers, request.identity),
        ),
      );
    },
  );

  app.delete(
    '/v1/attachments/:id',
    {
      schema: {
        tags,
        summary: 'Detach',
        description:
          'Answers when the memory is given back, with state "free"; or with an error and the ' +
          'attachment in use as before.',
        params: IdParams,
        headers: CallerHeaders,
        querystring: DetachQuery,
        response: answers({ 200: ref(Attachment) }),
      },
    },
    async (request) => {
      const options: DetachOptions = request.query;
      return toJson(
        await agent.detach(request.params.id, options, callerOf(request.headers, request.identity)),
      );
    },
  );
}

/** The schema has checked the form; this only turns strings into numbers. */
function attachRequest(body: AttachBody): AttachRequest {
  const { size, start, remote, outId, inId, mode = 'system-ram', ...rest } = body;
  return {
    ...rest,
    mode,
    size: BigInt(size),
    ...(start === undefined ? {} : { start: BigInt(start) }),
    ...(remote === undefined ? {} : { remote: BigInt(remote) }),
    ...(outId === undefined ? {} : { outId: BigInt(outId) }),
    ...(inId === undefined ? {} : { inId: BigInt(inId) }),
  };
}

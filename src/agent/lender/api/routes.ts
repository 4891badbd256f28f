import { SdmError } from '../../../common/errors.js';
import { toJson } from '../../../common/json.js';
import { answers } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import { ref } from '../../../common/server/forms.js';
import { callerOf, CallerHeaders } from '../../api/caller.js';
import { problemsOf } from '../health.js';
import type { Lender } from '../lender.js';
import type { LentRange } from '../types.js';
import {
  DropQuery,
  Grant,
  GrantBody,
  Grants,
  IdParams,
  LenderHealth,
  LenderState,
  ScrubBody,
  Scrubbed,
} from './schemas.js';

const rangesOf = (ranges: GrantBody['ranges']): LentRange[] =>
  ranges.map(({ start, size }) => ({ start: BigInt(start), size: BigInt(size) }));

export function lenderRoutes(app: App, lender: Lender): void {
  app.get(
    '/v1/lender',
    {
      schema: {
        tags: ['lender'],
        summary: 'What this brick lends, segment by segment',
        response: answers({ 200: ref(LenderState) }),
      },
    },
    async () => toJson(await lender.view()),
  );

  app.post(
    '/v1/scrub',
    {
      schema: {
        tags: ['lender'],
        summary: 'Give up bytes that nobody is granted',
        description:
          'Answers when what was dirty, and what was to be given up, is proven to be zero.',
        headers: CallerHeaders,
        body: ScrubBody,
        response: answers({ 200: ref(Scrubbed) }),
      },
    },
    async ({ body: { ranges, region, giveUp }, headers, identity }) => {
      const request = {
        ...(ranges === undefined ? {} : { ranges: rangesOf(ranges) }),
        ...(region === undefined ? {} : { region }),
        ...(giveUp === undefined ? {} : { giveUp }),
      };
      return toJson(await lender.scrub(request, callerOf(headers, identity)));
    },
  );

  app.get(
    '/healthz',
    {
      schema: {
        tags: ['lender'],
        summary: 'Does the lender answer, and what should somebody look at',
        response: answers({ 200: ref(LenderHealth) }),
      },
    },
    () => ({
      status: 'ok' as const,
      brick: lender.brick,
      pid: process.pid,
      problems: problemsOf(lender),
    }),
  );
}

const tags = ['grants'];

export function grantRoutes(app: App, lender: Lender): void {
  app.get(
    '/v1/grants',
    { schema: { tags, summary: 'List grants', response: answers({ 200: Grants }) } },
    () => ({ grants: lender.grants().map(toJson) }),
  );

  app.get(
    '/v1/grants/:id',
    {
      schema: {
        tags,
        summary: 'Show a grant',
        params: IdParams,
        response: answers({ 200: ref(Grant) }),
      },
    },
    (request) => toJson(lender.grant(request.params.id)),
  );

  app.put(
    '/v1/grants/:id',
    {
      schema: {
        tags,
        summary: 'Grant segments',
        description: 'Answers when it is safe in the journal. The same again is the same grant.',
        params: IdParams,
        headers: CallerHeaders,
        body: GrantBody,
        response: answers({ 200: ref(Grant), 201: ref(Grant) }),
      },
    },
    async (request, reply) => {
      const { ranges, ...rest } = request.body;
      const caller = callerOf(request.headers, request.identity);
      const asked = { ...rest, ranges: rangesOf(ranges) };
      const { grant, created } = await lender.put(request.params.id, asked, caller);
      reply.code(created ? 201 : 200);
      return toJson(grant);
    },
  );

  app.delete(
    '/v1/grants/:id',
    {
      schema: {
        tags,
        summary: 'End a grant',
        description:
          'Answers when bytes that no other grant has are proven to be zero, or are kept.',
        params: IdParams,
        headers: CallerHeaders,
        querystring: DropQuery,
        response: answers({ 200: ref(Scrubbed) }),
      },
    },
    async ({ params, query: { start, size, ...query }, headers, identity }) => {
      if ((start === undefined) !== (size === undefined)) {
        throw new SdmError('SDM_INPUT', 'start and size go together: give both or neither');
      }
      const range =
        start === undefined ? {} : { range: { start: BigInt(start), size: BigInt(size!) } };
      const options = { ...query, ...range };
      return toJson(await lender.drop(params.id, options, callerOf(headers, identity)));
    },
  );
}

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type, type TSchema } from 'typebox';
import { badAnswer, goodAnswer, messageFor, type Answer } from '../../../abi/d44/api-answers.js';
import { readArguments } from '../../../abi/d44/api-arguments.js';
import {
  MESSAGES,
  METHOD_NAMES,
  METHODS,
  type Argument,
  type Method,
  type MethodName,
} from '../../../abi/d44/api.js';
import { SdmError } from '../../../common/errors.js';
import type { App } from '../../../common/server/app.js';
import { statusOf, toAnswer } from '../../../common/server/errors.js';
import { named, ref } from '../../../common/server/forms.js';
import { shown, type ApiContext } from '../context.js';
import { callOf } from '../d44.js';
import { readAnyBodies } from '../loose-bodies.js';
import { OPERATE, READ } from '../roles.js';
import { KeyHeaders } from '../schemas/common.js';

const tags = ['D4.4'];
const STATUS = Type.Enum([0, 1] as const, { description: '0: good, 1: error' });

/** The form of every answer under /api/ that is no success; also of one with HTTP status 200. */
export const BadAnswer = named('D44Error', "A refusal in D4.4's words, or an error of HTTP", {
  Status: Type.Literal(1),
  StatusNo: Type.Literal(1),
  Message: Type.String({ description: 'the same as ErrorMessage' }),
  ErrorMessage: Type.String({ description: "D4.4's sentence; of an error, what happened" }),
  code: Type.String({ description: 'stable; programs match on it' }),
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

/**
 * D4.4's methods, by POST and GET. What the document has a message for is answered with HTTP status
 * 200 and Status 1, as its clients expect; anything else has an error's status as well.
 */
export function d44Routes(app: App, context: ApiContext): void {
  void app.register((scope, _options, done) => {
    readAnyBodies(scope as unknown as App);
    scope.addHook('onRequest', (request, _reply, next) => next(fromElsewhere(request)));
    scope.setErrorHandler((error, request, reply) => {
      const { code, message, details } = toAnswer(error);
      context.refused(code);
      const fields = { method: request.method, url: request.url, code };
      if (code === 'SDM_INTERNAL') request.log.error({ ...fields, err: error }, 'request failed');
      else request.log.info(fields, message);
      if (code === 'SDM_UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
      const more = details === undefined ? { code } : { code, details };
      return reply.code(statusOf(code)).send(badAnswer(message, more));
    });
    const typed = scope.withTypeProvider<TypeBoxTypeProvider>();
    for (const name of METHOD_NAMES) methodRoutes(typed as unknown as App, name, context);
    done();
  });
}

/** A page of another site must not command with a GET, which a browser sends without asking. */
function fromElsewhere({ headers }: FastifyRequest): Error | undefined {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'none' || site === 'same-origin') return undefined;
  return new SdmError(
    'SDM_FORBIDDEN',
    "a page of another site sent this; D4.4's methods are for programs and for pages of this host",
  );
}

function methodRoutes(app: App, name: MethodName, context: ApiContext): void {
  const method: Method = METHODS[name];
  const config = { allow: method.changes ? OPERATE : READ };
  const given = argumentsSchema(method);
  const common = {
    tags,
    summary: method.about,
    description: 'Names of arguments are read in any case and spelling: docs/controller-api.md.',
    headers: KeyHeaders,
    response: {
      200: Type.Union([goodSchema(method), ref(BadAnswer)]),
      '4xx': ref(BadAnswer),
      '5xx': ref(BadAnswer),
    },
  };
  app.get(
    `/api/${name}`,
    // a HEAD would do all that its GET does
    { config, exposeHeadRoute: false, schema: { ...common, querystring: given } },
    (request, reply) => answer(name, request, reply, request.query, context),
  );
  app.post(
    `/api/${name}`,
    { config, schema: { ...common, querystring: given, body: Type.Union([given, Type.Null()]) } },
    (request, reply) => {
      const values = together(request.query as object, request.body as object | null);
      return answer(name, request, reply, values, context);
    },
  );
}

async function answer(
  name: MethodName,
  request: FastifyRequest,
  reply: FastifyReply,
  given: unknown,
  { core, idempotency }: ApiContext,
): Promise<never> {
  const method: Method = METHODS[name];
  const values = readArguments(method, given);
  if (typeof values === 'string') {
    return shown(badAnswer(MESSAGES[values], { code: 'SDM_INPUT' }));
  }
  const { identity: who, headers } = request;
  const call = callOf(name, core, values, who);
  const key = headers['idempotency-key'] as string | undefined;
  try {
    const { status, body } = await idempotency.run(
      { key: method.changes ? key : undefined, who, command: name, values },
      {
        run: (options) => call.run(options),
        answer: (result) => ({
          status: 200,
          body: goodAnswer(method, call.results(result)),
          ...(call.memo === undefined ? {} : { memo: call.memo(result) }),
        }),
        ...(call.finish === undefined ? {} : { finish: (given) => call.finish!(given.memo) }),
      },
    );
    void reply.code(status);
    return shown(body);
  } catch (error) {
    return shown(refusal(method, error));
  }
}

/** @throws SDM_INPUT for a name in both. */
function together(query: object, body: object | null): object {
  const twice = Object.keys(body ?? {}).find((name) => Object.hasOwn(query, name));
  if (twice === undefined) return { ...query, ...body };
  throw new SdmError(
    'SDM_INPUT',
    `${JSON.stringify(twice.slice(0, 60))} stands in the query and in the body: leave one out`,
  );
}

/** @throws the error where the document has no words for it. */
function refusal(method: Method, error: unknown): Answer {
  const message = error instanceof SdmError ? messageFor(method, error.code) : undefined;
  if (message === undefined) throw error;
  const { code, details } = toAnswer(error);
  return badAnswer(message, details === undefined ? { code } : { code, details });
}

/** For the document: what comes is read by the table, which knows more spellings. */
function argumentsSchema({ args }: Method): TSchema {
  const properties = Object.fromEntries(args.map((each) => [each.name, argumentSchema(each)]));
  return Type.Unsafe({ type: 'object', properties, additionalProperties: true });
}

function argumentSchema({ about, minimum, maximum, initial }: Argument): TSchema {
  const need = initial === undefined ? 'needed' : 'may be left out';
  return Type.Unsafe({
    description: `${about} (${minimum} to ${maximum}; ${need})`,
  });
}

function goodSchema({ results }: Method): TSchema {
  const properties: Record<string, TSchema> = {
    Status: STATUS,
    StatusNo: STATUS,
    Message: Type.Literal(MESSAGES.good),
  };
  for (const { name, also, type, about, optional } of results) {
    const schema = Type.Unsafe({ type, description: about });
    for (const each of also === undefined ? [name] : [name, also]) {
      properties[each] = optional === true ? Type.Optional(schema) : schema;
    }
  }
  return Type.Object(properties, { additionalProperties: false });
}

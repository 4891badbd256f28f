import type { Socket } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import swagger from '@fastify/swagger';
import { Ajv, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv';
import { fastify, LogController, type FastifyBaseLogger } from 'fastify';
import { Type } from 'typebox';
import { SdmError, type ErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { Metrics } from '../observe/metrics.js';
import { Observation } from '../observe/index.js';
import { Brick } from './brick-schema.js';
import { failures, type ApiContext, type App } from './context.js';
import { statusOf, toAnswer } from './errors.js';
import { Event } from './event-schema.js';
import { EventStreams, STREAM_LIMITS, type StreamLimits } from './event-streams.js';
import { attachmentRoutes } from './routes/attachments.js';
import { brickRoutes } from './routes/brick.js';
import { eventRoutes } from './routes/events.js';
import { memportRoutes } from './routes/memports.js';
import { metricRoutes } from './routes/metrics.js';
import { transceiverRoutes } from './routes/transceivers.js';
import {
  Attachment,
  ErrorAnswer,
  Health,
  Memory,
  Memport,
  ModuleView,
  NodeView,
  Transceiver,
} from './schemas.js';

/** Against clients that are slow, broken or many. Milliseconds and bytes. */
export interface Limits extends StreamLimits {
  readonly bodyLimit: number;
  /** For the whole request to arrive. */
  readonly requestTimeout: number;
  readonly headersTimeout: number;
  /** An idle connection is closed after it. */
  readonly keepAliveTimeout: number;
  readonly maxConnections: number;
}

const LIMITS: Limits = {
  bodyLimit: 64 * 1024,
  requestTimeout: 10_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 5_000,
  maxConnections: 512,
  ...STREAM_LIMITS,
};

const COMPONENTS = [
  ErrorAnswer,
  Attachment,
  Memport,
  Transceiver,
  NodeView,
  ModuleView,
  Memory,
  Health,
  Event,
  Brick,
];

export interface Server {
  readonly app: App;
  /** From now on commands are refused with SDM_STOPPING, those that run are let finish; streams end. */
  drain(): void;
}

/**
 * The HTTP API, not yet listening.
 * @param log gets every failure; requests themselves at level debug.
 */
export async function createServer(
  context: ApiContext,
  log: Logger,
  limits: Partial<Limits> = {},
): Promise<Server> {
  const all = { ...LIMITS, ...limits };
  const { bodyLimit, requestTimeout, headersTimeout, keepAliveTimeout, maxConnections } = all;
  const { events, counts } = context.observation ?? new Observation();
  const streams = new EventStreams(events, all, log);
  const refused = (code: ErrorCode): void => counts.refusals.add(code);
  const app: App = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    return503OnClosing: false, // its answer has another form than ours; drain() does it
    forceCloseConnections: 'idle',
    bodyLimit,
    requestTimeout,
    keepAliveTimeout,
    // How often node looks for slow clients: its own 30 s would make the timeouts a rough guess.
    http: { headersTimeout, connectionsCheckingInterval: Math.min(1_000, headersTimeout) },
    clientErrorHandler: (error, socket) => refuseUnreadable(error, socket, refused),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.removeContentTypeParser('text/plain'); // JSON is all we read
  app.server.maxConnections = maxConnections;

  let draining = false;
  app.addHook('onRequest', async (request) => {
    if (draining && request.method !== 'GET') {
      throw new SdmError('SDM_STOPPING', 'the agent is stopping; ask again when it is back');
    }
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request;
    log.debug({ method, url, status: reply.statusCode, ms: reply.elapsedTime }, 'request');
  });
  // A stream has no end of its own: closing would wait for it.
  app.addHook('preClose', async () => streams.close());
  handleErrors(app, log, refused);
  validateStrictly(app);
  await describe(app);

  attachmentRoutes(app, context);
  memportRoutes(app, context);
  transceiverRoutes(app, context);
  brickRoutes(app, context);
  eventRoutes(app, streams);
  metricRoutes(app, new Metrics(context.agent, counts));
  app.get(
    '/openapi.json',
    {
      schema: {
        tags: ['brick'],
        summary: 'This document',
        response: { 200: Type.Object({}, { additionalProperties: true }), ...failures },
      },
    },
    () => app.swagger(),
  );
  await app.ready();
  return {
    app,
    drain: () => {
      draining = true;
      streams.close();
    },
  };
}

function handleErrors(app: App, log: Logger, refused: (code: ErrorCode) => void): void {
  app.setErrorHandler((error, request, reply) => {
    const body = toAnswer(error);
    refused(body.code);
    const status = statusOf(body.code);
    const fields = { method: request.method, url: request.url, code: body.code };
    if (body.code === 'SDM_INTERNAL') log.error({ ...fields, err: error }, 'request failed');
    else log.info(fields, body.message);
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler((request, reply) => {
    const { method, url } = request;
    const body = toAnswer(
      new SdmError(
        'SDM_NOT_FOUND',
        `there is no ${method} ${url.slice(0, 200)}; GET /openapi.json lists what there is`,
      ),
    );
    refused(body.code);
    return reply.code(statusOf(body.code)).send(body);
  });
}

/** Bodies are taken as they are: nothing coerced, nothing removed. Path and query are text, so there
 * a number or a boolean has to be read out of it. */
function validateStrictly(app: App): void {
  // Our schemas need no checking against JSON Schema's own at every start; tests do that.
  const own = { meta: false, validateSchema: false, code: { optimize: false } } as const;
  const options = { ...own, strict: false, verbose: true, useDefaults: true } as const;
  const exact = new Ajv({ ...options, coerceTypes: false });
  const textual = new Ajv({ ...options, coerceTypes: true });
  app.setValidatorCompiler(({ schema, httpPart }) =>
    compileLater(httpPart === 'body' ? exact : textual, schema),
  );
  // Answers are plain JSON. That they keep to their schemas is what the tests see to; serializers
  // made from the schemas would drop what does not fit, and cost start-up time.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
}

/** A validator that is compiled when its route is first asked: all at once they would take as long
 * as the rest of the start. */
function compileLater(
  ajv: Ajv,
  schema: unknown,
): ((data: unknown) => boolean) & { errors: ErrorObject[] | null } {
  let compiled: ValidateFunction | undefined;
  const validate = (data: unknown): boolean => {
    compiled ??= ajv.compile(schema as AnySchema);
    const valid = compiled(data);
    validate.errors = compiled.errors ?? null;
    return valid;
  };
  validate.errors = null as ErrorObject[] | null;
  return validate;
}

async function describe(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'sdm-agent',
        version: '1',
        description: 'Remote memory of one brick. Addresses and sizes are "0x…" strings of bytes.',
      },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) =>
        typeof json['$id'] === 'string' ? json['$id'] : `schema-${i}`,
    },
  });
  for (const schema of COMPONENTS) app.addSchema(schema);
}

/** For what never becomes a request: node has parsed nothing, so the answer is written by hand. */
function refuseUnreadable(
  error: NodeJS.ErrnoException,
  socket: Socket,
  refused: (code: ErrorCode) => void,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const known: Record<string, SdmError> = {
    ERR_HTTP_REQUEST_TIMEOUT: new SdmError('SDM_SLOW', 'the request did not arrive whole in time'),
    HPE_HEADER_OVERFLOW: new SdmError('SDM_TOO_LARGE', 'the headers are longer than 16 KiB'),
  };
  const answer = toAnswer(
    known[error.code ?? ''] ?? new SdmError('SDM_INPUT', `this is not HTTP: ${error.message}`),
  );
  refused(answer.code);
  const status = statusOf(answer.code);
  const body = JSON.stringify(answer);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

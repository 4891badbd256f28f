import {
  createServer as createHttpServer,
  type RequestListener,
  type Server as HttpServer,
} from 'node:http';
import type { Socket } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import {
  fastify,
  LogController,
  type FastifyBaseLogger,
  type FastifyReply,
  type RouteOptions,
} from 'fastify';
import { Type } from 'typebox';
import { SdmError, type ErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { Metrics } from '../observe/metrics.js';
import { Observation } from '../observe/index.js';
import { Connections } from './connections.js';
import { failures, type ApiContext, type App } from './context.js';
import { readJsonBodies } from './json-body.js';
import { statusOf, toAnswer } from './errors.js';
import { EventStreams, STREAM_LIMITS, type StreamLimits } from './event-streams.js';
import type { LingerLimits } from './linger.js';
import { attachmentRoutes } from './routes/attachments.js';
import { brickRoutes } from './routes/brick.js';
import { eventRoutes } from './routes/events.js';
import { memportRoutes } from './routes/memports.js';
import { metricRoutes } from './routes/metrics.js';
import { remoteMemoryRoutes } from './routes/remote-memory.js';
import { transceiverRoutes } from './routes/transceivers.js';
import { Unreadable } from './unreadable.js';
import { Validation } from './validation.js';

/** Against clients that are slow, broken or many. Milliseconds and bytes. */
export interface Limits extends StreamLimits, LingerLimits {
  readonly bodyLimit: number;
  /** For the whole request to arrive. */
  readonly requestTimeout: number;
  readonly headersTimeout: number;
  /** An idle connection is closed after it. */
  readonly keepAliveTimeout: number;
  /** Above it the connection is closed that has been silent for longest. */
  readonly maxConnections: number;
  /** Requests on one connection that are answered or wait for that; one more ends it. */
  readonly maxPipelined: number;
}

const LIMITS: Limits = {
  bodyLimit: 64 * 1024,
  requestTimeout: 10_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 5_000,
  maxConnections: 512,
  maxPipelined: 64,
  // Enough for what anybody sends here by mistake, and for a machine that is busy.
  lingerBytes: 16 * 1024 * 1024,
  lingerTimeout: 5_000,
  ...STREAM_LIMITS,
};

export interface Server {
  readonly app: App;
  /** Loads what the first request would load, so that it need not wait. Never rejects. */
  prepare(): Promise<void>;
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
  const { events, counts } = context.observation ?? new Observation();
  const streams = new EventStreams(events, all, log);
  const refused = (code: ErrorCode): void => counts.refusals.add(code);
  const validation = new Validation();
  const unreadable = new Unreadable(refused);
  const app: App = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    schemaController: validation.schemaController,
    return503OnClosing: false, // its answer has another form than ours; drain() does it
    forceCloseConnections: 'idle',
    bodyLimit: all.bodyLimit,
    serverFactory: (handler) => httpServer(handler, all, unreadable),
    clientErrorHandler: (error, socket) => unreadable.clientError(error, socket),
    frameworkErrors: (error, _request, reply) => {
      const body = toAnswer(error);
      refused(body.code);
      // of no route, so its type knows no body
      void (reply as unknown as FastifyReply).code(statusOf(body.code)).send(body);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  readJsonBodies(app);

  let draining = false;
  app.addHook('onRequest', (request, _reply, done) => {
    done(draining && request.method !== 'GET' ? stopping() : undefined);
  });
  // Not even asked where nobody reads it: it would be for every request.
  if (log.isLevelEnabled('debug')) {
    app.addHook('onResponse', async (request, reply) => {
      const { method, url } = request;
      log.debug({ method, url, status: reply.statusCode, ms: reply.elapsedTime }, 'request');
    });
  }
  // A stream has no end of its own: closing would wait for it.
  app.addHook('preClose', async () => streams.close());
  handleErrors(app, log, refused);
  validation.waitFor(app);
  const routes: RouteOptions[] = [];
  let document: Promise<object> | undefined;
  app.addHook('onRoute', (route) => {
    // HEAD is GET's shadow.
    if (route.method !== 'HEAD') routes.push(route);
  });

  attachmentRoutes(app, context);
  memportRoutes(app, context);
  transceiverRoutes(app, context);
  brickRoutes(app, context);
  remoteMemoryRoutes(app, context);
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
    async () => (document ??= (await import('./openapi.js')).describeApi(routes)),
  );
  await app.ready();
  return {
    app,
    prepare: () => validation.prepare(),
    drain: () => {
      draining = true;
      streams.close();
    },
  };
}

function httpServer(handler: RequestListener, limits: Limits, unreadable: Unreadable): HttpServer {
  const { headersTimeout, requestTimeout, keepAliveTimeout, maxConnections, maxPipelined } = limits;
  const server = createHttpServer({
    headersTimeout,
    requestTimeout,
    keepAliveTimeout,
    // How often node looks for slow clients: its own 30 s would make the timeouts a rough guess.
    connectionsCheckingInterval: Math.min(1_000, headersTimeout),
    // There is no host to name on a Unix socket; node would refuse in a form that is not ours.
    requireHostHeader: false,
  });
  const most = { ...limits, connections: maxConnections, requests: maxPipelined };
  const tooMany = (socket: Socket): void =>
    unreadable.refuse(
      socket,
      'SDM_TOO_MANY',
      `${maxPipelined} requests wait on this connection: read their answers before more are sent`,
    );
  unreadable.watch(server, new Connections(server, handler, most, tooMany));
  return server;
}

function stopping(): SdmError {
  return new SdmError('SDM_STOPPING', 'the agent is stopping; ask again when it is back');
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

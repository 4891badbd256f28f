import type { RequestListener, Server } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import {
  fastify,
  LogController,
  type FastifyBaseLogger,
  type FastifyReply,
  type RouteOptions,
} from 'fastify';
import { SdmError, type ErrorCode } from '../errors.js';
import type { Logger } from '../log.js';
import { Access, type AuthOptions } from './access.js';
import type { App } from './app.js';
import { closeServer } from './closing.js';
import { statusOf, toAnswer } from './errors.js';
import type { EventSource } from './event-log.js';
import { EventStreams } from './event-streams.js';
import { makeServer, type ServerParts } from './http-server.js';
import { mergeBodiesOfGet, readJsonBodies } from './json-body.js';
import { LIMITS, type Limits } from './limits.js';
import type { Metrics } from './metrics.js';
import type { Description } from './openapi.js';
import { eventRoutes } from './routes/events.js';
import { metricRoutes } from './routes/metrics.js';
import { openapiRoutes } from './routes/openapi.js';
import { Unreadable } from './unreadable.js';
import { Validation } from './validation.js';

export interface ApiOptions {
  /** Gets every failure; requests themselves at level debug. */
  readonly log: Logger;
  readonly limits?: Partial<Limits>;
  /** Who may do what, and how they prove who they are; without it https cannot be served. */
  readonly auth?: AuthOptions;
  /** For `GET /openapi.json`. */
  readonly openapi: Description;
  /** For `GET /v1/events`; `schema` is the `$id` of the component that describes an event's data. */
  readonly events?: { readonly log: EventSource; readonly schema: string };
  /** For `GET /metrics`. */
  readonly metrics?: Metrics;
  /** GET takes a JSON object as its body, whose members count as if they stood in the query. */
  readonly bodiesOfGet?: boolean;
  /** Hears the code of each answer that is an error. */
  readonly refused?: (code: ErrorCode) => void;
  /** Adds the daemon's own. */
  readonly routes: (app: App) => void;
}

/** An HTTP API; {@link listenOn} has it listen, on as many addresses as wanted. */
export interface Api {
  readonly app: App;
  readonly access: Access;
  /** What a server of this API is made of. */
  readonly parts: ServerParts;
  /** Loads what the first request would load, so that it need not wait. Never rejects. */
  prepare(): Promise<void>;
  /** From now on commands are refused with SDM_STOPPING, those that run are let finish; streams end. */
  drain(): void;
  /** Counts a server among those that {@link close} ends. */
  add(server: Server): void;
  /** Resolves when no server listens and every request that had begun has its answer. */
  close(): Promise<void>;
  /** Ends what is still open, answered or not. */
  closeAllConnections(): void;
}

/** @throws SdmError SDM_CONFIG for a PKI directory or a file of tokens that cannot be used. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { log, events, metrics, openapi, refused = () => {} } = options;
  const limits = { ...LIMITS, ...options.limits };
  const access = new Access(options.auth ?? {}, log);
  const { certificates } = access;
  if (certificates) {
    metrics?.also(({ gauge }) => {
      const help = "When this daemon's certificate expires, since 1970.";
      gauge('sdm_certificate_expiry_seconds', help, [], (put) => put(certificates.notAfter / 1000));
    });
  }
  const streams = events && new EventStreams(events.log, limits, log);
  const validation = new Validation();
  const unreadable = new Unreadable(refused);
  const servers: Server[] = [];
  let handle: RequestListener = () => {};
  const app: App = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    schemaController: validation.schemaController,
    return503OnClosing: false, // its answer has another form than ours; drain() does it
    forceCloseConnections: 'idle',
    bodyLimit: limits.bodyLimit,
    serverFactory: (handler) => {
      handle = handler;
      return makeServer({ handler, limits, unreadable });
    },
    clientErrorHandler: () => {}, // every server of ours has its own
    frameworkErrors: (error, _request, reply) => {
      const body = toAnswer(error);
      refused(body.code);
      // of no route, so its type knows no body
      void (reply as unknown as FastifyReply).code(statusOf(body.code)).send(body);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  readJsonBodies(app);
  if (options.bodiesOfGet === true) mergeBodiesOfGet(app);

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
  app.addHook('preClose', async () => {
    streams?.close();
    await Promise.all(servers.map(closeServer));
  });
  handleErrors(app, log, access, refused);
  access.guard(app);
  validation.waitFor(app);
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => {
    // HEAD is GET's shadow.
    if (route.method !== 'HEAD') routes.push(route);
  });

  options.routes(app);
  if (streams && events) eventRoutes(app, access, streams, { $ref: `${events.schema}#` });
  if (metrics) metricRoutes(app, metrics, openapi.tag);
  openapiRoutes(app, openapi, routes);
  await app.ready();
  return {
    app,
    access,
    parts: { handler: handle, limits, unreadable },
    prepare: () => validation.prepare(),
    drain: () => {
      draining = true;
      streams?.close();
    },
    add: (server) => void servers.push(server),
    close: () => app.close(),
    closeAllConnections: () => {
      for (const server of [app.server, ...servers]) server.closeAllConnections();
    },
  };
}

function stopping(): SdmError {
  return new SdmError('SDM_STOPPING', 'this daemon is stopping; ask again when it is back');
}

function handleErrors(
  app: App,
  log: Logger,
  access: Access,
  refused: (code: ErrorCode) => void,
): void {
  app.setErrorHandler((error, request, reply) => {
    const body = toAnswer(error);
    refused(body.code);
    const fields = { method: request.method, url: request.url, code: body.code };
    if (body.code === 'SDM_INTERNAL') log.error({ ...fields, err: error }, 'request failed');
    else log.info(fields, body.message);
    if (body.code === 'SDM_UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
    return reply.code(statusOf(body.code)).send(body);
  });
  app.setNotFoundHandler((request) => {
    const { method, url } = request;
    access.admit(request); // what there is not is for those to know who may ask
    throw new SdmError(
      'SDM_NOT_FOUND',
      `there is no ${method} ${url.slice(0, 200)}; GET /openapi.json lists what there is`,
    );
  });
}

import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Connections } from './connections.js';
import type { Limits } from './limits.js';
import type { Unreadable } from './unreadable.js';

/** What all servers of one API share. */
export interface ServerParts {
  readonly handler: RequestListener;
  readonly limits: Limits;
  readonly unreadable: Unreadable;
}

/** An HTTP server that holds its clients to the limits; not yet listening. */
export function makeServer(parts: ServerParts): Server {
  return guarded(createServer(optionsOf(parts.limits)), parts);
}

export function optionsOf({ headersTimeout, requestTimeout, keepAliveTimeout }: Limits) {
  return {
    headersTimeout,
    requestTimeout,
    keepAliveTimeout,
    // How often node looks for slow clients: its own 30 s would make the timeouts a rough guess.
    connectionsCheckingInterval: Math.min(1_000, headersTimeout),
    // There is no host to name on a Unix socket; node would refuse in a form that is not ours.
    requireHostHeader: false,
  };
}

/** Connections over Unix sockets. What a socket says of its addresses is gone when its client is. */
const unixSockets = new WeakSet<object>();

export const isUnixSocket = (socket: object): boolean => unixSockets.has(socket);

/** Has a server hold its clients to the limits. */
export function guarded<S extends Server>(
  server: S,
  { handler, limits, unreadable }: ServerParts,
): S {
  server.on('connection', (socket: Socket) => {
    if (typeof server.address() === 'string') unixSockets.add(socket);
  });
  server.on('clientError', (error, socket) => unreadable.clientError(error, socket as Socket));
  const { maxConnections, maxPipelined } = limits;
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

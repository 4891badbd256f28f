import type { Server } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import { guarded, optionsOf, type ServerParts } from './http-server.js';

/** {@link makeServer} behind TLS. Imported where it is needed: most daemons' starts load no TLS. */
export function makeTlsServer(parts: ServerParts, tls: ServerOptions): Server {
  const { handshakeTimeout } = parts.limits;
  return guarded(createServer({ ...optionsOf(parts.limits), handshakeTimeout, ...tls }), parts);
}

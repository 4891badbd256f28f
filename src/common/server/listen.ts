import type { Server } from 'node:http';
import type { FileLock, Native } from '../../native/types.js';
import { formatAddress, parseAddress, type Address } from '../address.js';
import type { Logger } from '../log.js';
import type { Api } from './api.js';
import { makeServer } from './http-server.js';
import { claimSocketPath, listenOnPath } from './socket.js';

export interface ListenOptions {
  readonly log: Logger;
  /** For the lock of a Unix socket. */
  readonly native: Pick<Native, 'lockFile'>;
  /** Group that may use a Unix socket; null: only the daemon's own user and group. */
  readonly gid?: number | null;
}

export interface Listening {
  /** As {@link parseAddress} reads it, with the port that it has where 0 was asked for. */
  readonly address: string;
  /** Gives up the name of a Unix socket; after the API was closed. */
  release(): void;
}

/**
 * Has an API listen on an address: `unix:/path`, `http://127.0.0.1:port`, or `https://host:port`, for
 * which the API's `auth.pki` has the certificate.
 * @throws SdmError SDM_RUNNING, SDM_CONFIG.
 */
export async function listenOn(
  api: Api,
  address: string | Address,
  { log, native, gid = null }: ListenOptions,
): Promise<Listening> {
  const where = typeof address === 'string' ? parseAddress(address) : address;
  if (where.kind === 'unix') {
    const lock: FileLock = await claimSocketPath(native, where.path, log);
    try {
      const server = makeServer(api.parts);
      await listenOnPath(server, where.path, gid);
      api.add(server);
    } catch (error) {
      lock.close();
      throw error;
    }
    return { address: formatAddress(where), release: () => lock.close() };
  }
  const server =
    where.kind === 'http'
      ? makeServer(api.parts)
      : (await import('./tls-server.js')).makeTlsServer(api.parts, {});
  const port = await listenOnPort(server, where);
  api.add(server);
  return { address: formatAddress({ ...where, port }), release: () => {} };
}

function listenOnPort(server: Server, { host, port }: Exclude<Address, { kind: 'unix' }>) {
  return new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve((server.address() as { port: number }).port);
    });
  });
}

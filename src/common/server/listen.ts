import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FileLock, Native } from '../../native/types.js';
import { formatAddress, parseAddress, type Address } from '../address.js';
import { SdmError } from '../errors.js';
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
  const server = where.kind === 'http' ? makeServer(api.parts) : await tlsServer(api, where);
  if (where.kind === 'http' && !api.access.asksForTokens) {
    log.warn(
      { address: formatAddress(where) },
      'whoever has an account on this machine may use this port: no tokens are configured',
    );
  }
  const port = await listenOnPort(server, where);
  api.add(server);
  return { address: formatAddress({ ...where, port }), release: () => {} };
}

type Port = Exclude<Address, { kind: 'unix' }>;

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something else listens there; stop it, or choose another port',
  EACCES: 'ports below 1024 are for root; choose another one',
  EADDRNOTAVAIL: 'this machine has no such address; 0.0.0.0 stands for all that it has',
  ENOTFOUND: 'there is no host of that name; 0.0.0.0 stands for all addresses of this machine',
};

/** @returns the port, also where 0 asked for any. @throws SdmError SDM_RUNNING, SDM_CONFIG. */
async function listenOnPort(server: Server, where: Port): Promise<number> {
  const { host, port } = where;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((cause: NodeJS.ErrnoException) => {
    const errno = cause.code ?? 'unknown error';
    const address = formatAddress(where);
    throw new SdmError(
      errno === 'EADDRINUSE' ? 'SDM_RUNNING' : 'SDM_CONFIG',
      `cannot listen on ${address}: ${REASONS[errno] ?? cause.message} (${errno})`,
      { details: { address, errno }, cause },
    );
  });
  return (server.address() as AddressInfo).port;
}

async function tlsServer(api: Api, where: Port): Promise<Server> {
  const options = api.access.certificates?.serverOptions;
  if (options === undefined) {
    throw new SdmError(
      'SDM_CONFIG',
      `${formatAddress(where)} needs a certificate: name a directory that \`sdm pki issue\` made as "pki"`,
    );
  }
  const { makeTlsServer } = await import('./tls-server.js');
  return makeTlsServer(api.parts, options);
}

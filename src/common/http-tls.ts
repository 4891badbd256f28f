/** The part of a client that loads TLS; imported where it is needed. */
import { Agent, request as httpsRequest, type AgentOptions, type RequestOptions } from 'node:https';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { SdmError } from './errors.js';
import type { Expected } from './http-client.js';
import type { Target } from './http-exchange.js';
import { readRevoked } from './server/certificates.js';
import { WatchedFile } from './server/watched-file.js';
import { loadTls, PKI_FILES, spiffeIdOf, spiffeText, TLS_VERSION } from './tls.js';

/**
 * How to connect with what a directory of the PKI holds. Trusted is the one authority in it, whatever
 * authorities the machine knows; who answers is known by the SPIFFE name, not by the host's, and
 * must not be on the list of revoked certificates.
 * @throws SdmError SDM_PKI.
 */
export function tlsConnection(
  pki: string,
  expect: Expected | undefined,
  kept: AgentOptions,
): {
  agent: Agent;
  request: Target['request'];
  options: RequestOptions;
  /** What {@link Target} has, beside the address that errors name. */
  distrust: (address: string, socket: Socket) => SdmError | undefined;
} {
  const { ca, cert, key, id } = loadTls(pki, false);
  const revoked = revokedIn(pki, cert !== undefined);
  const options = {
    ...TLS_VERSION,
    ca,
    ...(cert && key && { cert, key }),
    checkServerIdentity: (host: string, certificate: PeerCertificate) =>
      strangerIn(certificate, host, id?.rack, expect) ??
      revokedOf(revoked, certificate.serialNumber, host),
  };
  const serials = new WeakMap<Socket, string>();
  const serialOf = (socket: Socket): string => {
    const known =
      serials.get(socket) ?? (socket as TLSSocket).getPeerCertificate().serialNumber ?? '';
    serials.set(socket, known);
    return known;
  };
  // No session is taken up again: then nobody would look at the certificate.
  const agent = new Agent({ ...kept, ...options, maxCachedSessions: 0 });
  return {
    agent,
    request: httpsRequest as Target['request'],
    options,
    distrust: (address, socket) => revokedOf(revoked, serialOf(socket), address),
  };
}

type Revoked = WatchedFile<ReadonlySet<string> | undefined>;

/**
 * Whoever has a certificate of its own has the list beside it; who only knows the authority may have none.
 * @throws SdmError SDM_PKI.
 */
function revokedIn(pki: string, own: boolean): Revoked | undefined {
  const path = join(pki, PKI_FILES.revoked);
  if (!own && !existsSync(path)) return undefined;
  return new WatchedFile<ReadonlySet<string> | undefined>(path, readRevoked, undefined);
}

function revokedOf(list: Revoked | undefined, serial: string, where: string): SdmError | undefined {
  if (list === undefined) return undefined;
  const serials = list.value();
  if (serials !== undefined && serial !== '' && !serials.has(serial)) return undefined;
  const why =
    serials === undefined
      ? 'the list of revoked ones cannot be read here'
      : 'it was revoked; issue that daemon another one, and restart it';
  return new SdmError('SDM_PEER', `${where}: the certificate that answers is refused: ${why}`, {
    details: { serial },
  });
}

function strangerIn(
  { subjectaltname }: PeerCertificate,
  host: string,
  rack: string | undefined,
  expect: Expected | undefined,
): Error | undefined {
  const id = spiffeIdOf(subjectaltname);
  const fits =
    id !== undefined &&
    (rack === undefined || id.rack === rack) &&
    (expect === undefined || id.role === expect.role) &&
    (expect?.name === undefined || id.name === expect.name);
  if (fits) return undefined;
  const expected = `spiffe://${rack ?? '*'}/${expect?.role ?? '*'}/${expect?.name ?? '*'}`;
  const found = id === undefined ? `"${subjectaltname ?? 'no name'}"` : spiffeText(id);
  return new SdmError('SDM_PEER', `${host}: expected ${expected} to answer, found ${found}`, {
    details: { expected, found },
  });
}

/** The part of a client that loads TLS; imported where it is needed. */
import { Agent, request as httpsRequest, type AgentOptions, type RequestOptions } from 'node:https';
import type { PeerCertificate } from 'node:tls';
import { SdmError } from './errors.js';
import type { Expected } from './http-client.js';
import type { Target } from './http-exchange.js';
import { loadTls, spiffeIdOf, spiffeText, TLS_VERSION } from './tls.js';

/**
 * How to connect with what a directory of the PKI holds. Trusted is the one authority in it, whatever
 * authorities the machine knows; who answers is known by the SPIFFE name, not by the host's.
 * @throws SdmError SDM_PKI.
 */
export function tlsConnection(
  pki: string,
  expect: Expected | undefined,
  kept: AgentOptions,
): { agent: Agent; request: Target['request']; options: RequestOptions } {
  const { ca, cert, key, id } = loadTls(pki, false);
  const options = {
    ...TLS_VERSION,
    ca,
    ...(cert && key && { cert, key }),
    checkServerIdentity: (host: string, certificate: PeerCertificate) =>
      strangerIn(certificate, host, id?.rack, expect),
  };
  // No session is taken up again: then nobody would look at the certificate.
  const agent = new Agent({ ...kept, ...options, maxCachedSessions: 0 });
  return { agent, request: httpsRequest as Target['request'], options };
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

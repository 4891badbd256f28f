import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { connect, type ConnectionOptions } from 'node:tls';
import type { CertificateRole } from '../../src/common/server/identity.js';
import { initPki, issue } from '../../src/pki/index.js';
import { scratchDir } from './scratch.js';

/** An authority for the tests of one file. */
export interface TestPki {
  readonly dir: string;
  /** @returns the directory with the certificate. */
  issue(role: CertificateRole, name: string, days?: number): Promise<string>;
}

export async function makePki(rack = 'r0'): Promise<TestPki> {
  const dir = join(scratchDir('pki'), 'pki');
  await initPki(dir, rack);
  return {
    dir,
    issue: (role, name, days) => issue(dir, { role, name, ...(days !== undefined && { days }) }),
  };
}

/**
 * Sends bytes over TLS, by itself with no certificate; gives what comes until the connection ends.
 * @param own more of the connection, such as a certificate.
 */
export async function talkTls(
  port: number,
  pki: TestPki,
  text: string,
  own: ConnectionOptions = {},
): Promise<string> {
  const ca = readFileSync(join(pki.dir, 'ca.pem'), 'utf8');
  const host = '127.0.0.1';
  const socket = connect({ port, host, ca, checkServerIdentity: () => undefined, ...own });
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    answer += chunk;
    // the answer is whole: they are all short
    if (answer.endsWith('}')) socket.end();
  });
  socket.on('error', () => {});
  socket.write(text);
  await closed(socket, `an answer to ${text.slice(0, 40)}`);
  return answer;
}

/** Waits until the other side has closed. @throws if it does not. */
export async function closed(socket: Socket, what: string): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  socket.resume();
  await once(socket, 'close', { signal }).catch(() => {
    throw new Error(`not closed within 20 s: ${what}`);
  });
}

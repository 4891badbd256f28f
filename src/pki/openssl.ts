/** The one place that knows how openssl(1) is told to make keys and certificates. */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SdmError } from '../common/errors.js';
import { run } from '../common/exec.js';
import { PKI_FILES } from '../common/tls.js';

const HINT = 'Certificates are made by openssl: apt install openssl';
/** Nothing of the machine's own openssl.cnf shall count. */
const CONFIG = '[req]\nprompt = no\nstring_mask = utf8only\ndistinguished_name = dn\n[dn]\n';
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const;
const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

/** Writes ca.key and ca.pem. @throws SdmError SDM_COMMAND. */
export async function makeAuthority(dir: string, rack: string, days: number): Promise<void> {
  const config = join(dir, 'openssl.cnf');
  writeFileSync(
    config,
    `${CONFIG}CN = SDM rack ${rack}
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
subjectAltName = URI:spiffe://${rack}
`,
  );
  const files = ['-keyout', join(dir, 'ca.key'), '-out', join(dir, PKI_FILES.authority)];
  await openssl(
    ...['req', '-x509', ...KEY, '-config', config, '-extensions', 'ca', '-sha256'],
    ...['-days', String(days), '-set_serial', serial(), ...files],
  );
  rmSync(config);
  for (const name of ['ca.key', PKI_FILES.authority]) chmodSync(join(dir, name), 0o600);
}

export interface Leaf {
  /** Such as "spiffe://r0/agent/0.0.1". */
  readonly uri: string;
  /** What people read; nothing looks at it. */
  readonly title: string;
  /** Names and IP addresses by which clients that know no SPIFFE reach it. */
  readonly hosts: readonly string[];
  /** Also for who is asked, not only for who asks. */
  readonly server: boolean;
  readonly days: number;
}

/**
 * Writes key.pem and cert.pem into `dir`, signed by what is in `authority`.
 * @throws SdmError SDM_INPUT for a host that is none, SDM_COMMAND.
 */
export async function makeLeaf(authority: string, dir: string, leaf: Leaf): Promise<void> {
  const names = [`URI:${leaf.uri}`, ...leaf.hosts.map(hostName)];
  const config = join(dir, 'openssl.cnf');
  const request = join(dir, 'request.pem');
  writeFileSync(
    config,
    `${CONFIG}CN = ${leaf.title}
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth${leaf.server ? ', serverAuth' : ''}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${names.join(', ')}
`,
  );
  const [key, certificate] = [join(dir, PKI_FILES.key), join(dir, PKI_FILES.certificate)];
  await openssl('req', '-new', ...KEY, '-config', config, '-keyout', key, '-out', request);
  await openssl(
    ...['x509', '-req', '-in', request, '-out', certificate, '-sha256'],
    ...['-CA', join(authority, PKI_FILES.authority), '-CAkey', join(authority, 'ca.key')],
    ...['-extfile', config, '-extensions', 'leaf', '-set_serial', serial()],
    ...['-days', String(leaf.days)],
  );
  rmSync(config);
  rmSync(request);
  for (const path of [key, certificate]) chmodSync(path, 0o600);
}

/** @throws SdmError SDM_INPUT. */
function hostName(host: string): string {
  if (isIP(host) !== 0) return `IP:${host}`;
  if (HOST.test(host)) return `DNS:${host}`;
  throw new SdmError('SDM_INPUT', `--host: expected a host name or an IP address, found "${host}"`);
}

/** Nobody can guess it, and no two are the same; positive, so not more than 159 bits. */
function serial(): string {
  return `0x${randomBytes(16).toString('hex').replace(/^./, '4')}`;
}

/** Files that it makes are for nobody else from the first moment: their directory is. */
async function openssl(...args: string[]): Promise<void> {
  await run(['openssl', ...args], { hint: HINT, timeoutMs: 60_000 });
}

/** What TLS between daemons is made of: certificates of the rack's own authority. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SdmError } from './errors.js';

/** Names of the files in a directory that `sdm pki issue` makes. */
export const PKI_FILES = {
  certificate: 'cert.pem',
  key: 'key.pem',
  authority: 'ca.pem',
  revoked: 'revoked.json',
} as const;

/** Who a certificate stands for: `spiffe://<rack>/<role>/<name>`. */
export interface SpiffeId {
  readonly rack: string;
  readonly role: string;
  readonly name: string;
}

export interface TlsMaterial {
  readonly dir: string;
  /** PEM; both or neither: a client that has a token needs none. */
  readonly cert?: string;
  readonly key?: string;
  /** PEM of the authority whose certificates are trusted, and of no other. */
  readonly ca: string;
  /** Of the own certificate. */
  readonly id?: SpiffeId;
  /** When the own certificate expires, ms since 1970. */
  readonly notAfter?: number;
}

const PART = '[A-Za-z0-9][A-Za-z0-9._-]{0,62}';
/** What rack, role and name are made of. */
export const NAME_PATTERN = new RegExp(`^${PART}$`);
const SPIFFE = new RegExp(`^URI:spiffe://(${PART})/(${PART})/(${PART})$`);

/** No two TLS versions to look after. */
export const TLS_VERSION = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;

/**
 * Reads a directory that `sdm pki issue` made.
 * @param own whether a certificate and its key must be there.
 * @throws SdmError SDM_PKI, naming the file and what to do.
 */
export function loadTls(dir: string, own: boolean): TlsMaterial {
  const ca = read(dir, PKI_FILES.authority);
  const cert = readWhere(own, dir, PKI_FILES.certificate);
  const key = readWhere(own || cert !== undefined, dir, PKI_FILES.key);
  certificateOf(ca, join(dir, PKI_FILES.authority));
  if (cert === undefined || key === undefined) return { dir, ca };
  checkKeyMode(join(dir, PKI_FILES.key));
  const path = join(dir, PKI_FILES.certificate);
  const x509 = certificateOf(cert, path);
  const id = spiffeIdOf(x509.subjectAltName);
  if (id === undefined) {
    throw refuse(
      path,
      `expected a certificate for spiffe://rack/role/name, found "${x509.subjectAltName ?? 'no name'}"`,
    );
  }
  checkKey(x509, key, join(dir, PKI_FILES.key));
  return { dir, ca, cert, key, id, notAfter: Date.parse(x509.validTo) };
}

/**
 * Reads a directory that must be that daemon's own.
 * @throws SdmError SDM_PKI: nobody would take it for that daemon.
 */
export function checkOwn(dir: string, role: string, name: string): void {
  const { id } = loadTls(dir, true);
  if (id === undefined || (id.role === role && id.name === name)) return;
  throw refuse(
    join(dir, PKI_FILES.certificate),
    `expected the certificate of ${role} "${name}", found that of ${id.role} "${id.name}"; ` +
      `\`sdm pki issue --role ${role} --name ${name}\` makes one`,
  );
}

/**
 * Who a certificate stands for, from the text that node makes of its alternative names; undefined where
 * it names nobody, or several, or in a form that could be taken for another.
 */
export function spiffeIdOf(names: string | undefined): SpiffeId | undefined {
  // node quotes what holds a comma: then what looks like a name may be part of another one
  if (names === undefined || names.includes('"')) return undefined;
  const [uri, ...more] = names.split(', ').filter((each) => each.startsWith('URI:'));
  const found = more.length === 0 && uri !== undefined ? SPIFFE.exec(uri) : null;
  if (found === null) return undefined;
  const [, rack = '', role = '', name = ''] = found;
  return { rack, role, name };
}

export function spiffeText({ rack, role, name }: SpiffeId): string {
  return `spiffe://${rack}/${role}/${name}`;
}

function certificateOf(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw refuse(path, 'this is no certificate in PEM', cause);
  }
}

function checkKey(certificate: X509Certificate, key: string, path: string): void {
  let fits: boolean;
  try {
    fits = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw refuse(path, 'this is no key in PEM', cause);
  }
  if (!fits) throw refuse(path, 'this is not the key of the certificate beside it');
}

function checkKeyMode(path: string): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  throw refuse(
    path,
    `others may read this key (mode 0${mode.toString(8)}): chmod 600 it, or issue another one`,
  );
}

function readWhere(needed: boolean, dir: string, name: string): string | undefined {
  try {
    return readFileSync(join(dir, name), 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (!needed && code === 'ENOENT') return undefined;
    throw refuse(join(dir, name), `cannot be read (${code}); \`sdm pki issue\` makes it`, cause);
  }
}

const read = (dir: string, name: string): string => readWhere(true, dir, name) ?? '';

function refuse(path: string, why: string, cause?: unknown): SdmError {
  return new SdmError('SDM_PKI', `${path}: ${why}`, { details: { file: path }, cause });
}

/** The public key infrastructure of a rack: one authority, and who it vouches for. docs/security.md. */
import { X509Certificate } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { SdmError } from '../common/errors.js';
import { readRevokedFile, type RevokedEntry } from '../common/server/certificates.js';
import { CERTIFICATE_ROLES, type CertificateRole } from '../common/server/identity.js';
import { NAME_PATTERN, PKI_FILES, spiffeIdOf, spiffeText, type SpiffeId } from '../common/tls.js';
import { makeWhole, occupied, replace, writeNew } from './files.js';
import { makeAuthority, makeLeaf } from './openssl.js';

export { makeToken, revokeToken } from './tokens.js';

/** How long certificates hold, days. */
export const AUTHORITY_DAYS = 3650;
export const CERTIFICATE_DAYS = 825;

/** Certificates that were issued, by their serial numbers. */
const ISSUED = 'issued';

/**
 * Makes the authority of a rack: ca.key, ca.pem, an empty list of revoked certificates.
 * @throws SdmError SDM_CONFLICT: `dir` holds something; SDM_INPUT; SDM_COMMAND.
 */
export async function initPki(dir: string, rack: string): Promise<void> {
  checkName('--rack', rack);
  if (existsSync(dir) && readdirSync(dir).length > 0) throw occupied(dir);
  await makeWhole(dir, async (draft) => {
    await makeAuthority(draft, rack, AUTHORITY_DAYS);
    writeNew(join(draft, PKI_FILES.revoked), json({ revoked: [] }));
    writeNew(join(draft, 'tokens.json'), json({ tokens: [] }));
    mkdirSync(join(draft, ISSUED), { mode: 0o700 });
  });
}

export interface IssueOptions {
  readonly role: CertificateRole;
  readonly name: string;
  /** For clients that look at names of hosts; daemons of SDM do not. */
  readonly hosts?: readonly string[];
  readonly days?: number;
}

/**
 * Issues a certificate with its key, in a directory that holds all its owner needs.
 * @returns the directory.
 * @throws SdmError SDM_CONFLICT: that name has one; SDM_PKI: no authority in `dir`; SDM_INPUT.
 */
export async function issue(dir: string, options: IssueOptions): Promise<string> {
  const { role, name, hosts = [], days = CERTIFICATE_DAYS } = options;
  checkName('--name', name);
  const rack = rackOf(dir);
  const path = directoryOf(dir, role, name);
  if (existsSync(path)) {
    throw new SdmError(
      'SDM_CONFLICT',
      `${path} is there already: revoke the certificate of ${role} ${name}, then issue another one`,
      { details: { path } },
    );
  }
  await makeWhole(path, async (draft) => {
    const uri = spiffeText({ rack, role, name });
    const server = role !== 'operator';
    await makeLeaf(dir, draft, { uri, title: `${role} ${name}`, hosts, server, days });
    cpSync(join(dir, PKI_FILES.authority), join(draft, PKI_FILES.authority));
    cpSync(join(dir, PKI_FILES.revoked), join(draft, PKI_FILES.revoked));
    const pem = readFileSync(join(draft, PKI_FILES.certificate), 'utf8');
    // before anybody can have it: what is not listed could not be revoked
    writeNew(join(dir, ISSUED, `${new X509Certificate(pem).serialNumber}.pem`), pem);
  });
  return path;
}

export interface IssuedCertificate extends SpiffeId {
  readonly serial: string;
  readonly hosts: readonly string[];
  /** ISO 8601. */
  readonly notAfter: string;
  readonly state: 'valid' | 'expired' | 'revoked';
}

/** All that were ever issued, by role and name. @throws SdmError SDM_PKI. */
export function listPki(dir: string): { rack: string; certificates: IssuedCertificate[] } {
  const rack = rackOf(dir);
  const revoked = new Set(readRevokedFile(join(dir, PKI_FILES.revoked)).revoked.map(serialOf));
  const certificates = readdirSync(join(dir, ISSUED))
    .filter((file) => file.endsWith('.pem'))
    .map((file): IssuedCertificate => {
      const certificate = new X509Certificate(readFileSync(join(dir, ISSUED, file)));
      const names = (certificate.subjectAltName ?? '').split(', ');
      const id = spiffeIdOf(certificate.subjectAltName) ?? { rack, role: '?', name: '?' };
      const serial = certificate.serialNumber;
      const notAfter = new Date(certificate.validTo);
      const state = revoked.has(serial) ? 'revoked' : notAfter < new Date() ? 'expired' : 'valid';
      const hosts = names
        .filter((each) => !each.startsWith('URI:'))
        .map((each) => each.replace(/^.*?:/, ''));
      return { ...id, serial, hosts, notAfter: notAfter.toISOString(), state };
    })
    .sort(
      (a, b) => compare(a.role, b.role) || compare(a.name, b.name) || compare(a.serial, b.serial),
    );
  return { rack, certificates };
}

/**
 * Revokes what a name holds, and puts the list into every directory that was issued and is still here;
 * machines that have copies need the list, too.
 * @returns how many certificates that were. @throws SdmError SDM_NOT_FOUND: none; SDM_PKI.
 */
export function revoke(dir: string, role: string, name: string): number {
  const found = listPki(dir).certificates.filter(
    (each) => each.role === role && each.name === name && each.state !== 'revoked',
  );
  if (found.length === 0) {
    throw new SdmError(
      'SDM_NOT_FOUND',
      `${role} ${name} has no certificate that could be revoked; \`sdm pki list\` has them all`,
    );
  }
  const path = join(dir, PKI_FILES.revoked);
  const at = new Date().toISOString();
  const revoked: RevokedEntry[] = [
    ...readRevokedFile(path).revoked,
    ...found.map(({ serial }) => ({ serial, role, name, at })),
  ];
  const text = json({ revoked });
  replace(path, text);
  const own = directoryOf(dir, role, name);
  if (existsSync(own)) renameSync(own, `${own}.revoked-${found[0]!.serial.slice(0, 12)}`);
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const list = join(dir, entry.name, PKI_FILES.revoked);
    if (entry.isDirectory() && existsSync(list)) replace(list, text);
  }
  return found.length;
}

/** Name of the rack that the authority in `dir` vouches for. @throws SdmError SDM_PKI. */
export function rackOf(dir: string): string {
  const path = join(dir, PKI_FILES.authority);
  let names: string | undefined;
  try {
    names = new X509Certificate(readFileSync(path)).subjectAltName;
  } catch (cause) {
    const { code = 'no certificate' } = cause as NodeJS.ErrnoException;
    throw new SdmError(
      'SDM_PKI',
      `${path} cannot be read (${code}): name a directory that \`sdm pki init\` made`,
      { details: { file: path }, cause },
    );
  }
  const rack = /^URI:spiffe:\/\/([A-Za-z0-9._-]+)$/.exec(names ?? '')?.[1];
  if (rack !== undefined) return rack;
  throw new SdmError(
    'SDM_PKI',
    `${path} is of no rack: \`sdm pki init\` makes an authority that is`,
  );
}

/** Where the certificate of a name lies. */
export function directoryOf(dir: string, role: string, name: string): string {
  return join(dir, `${role}-${name}`);
}

/** @throws SdmError SDM_INPUT. */
export function checkName(key: string, name: string): void {
  if (NAME_PATTERN.test(name)) return;
  const expected = '1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit';
  throw new SdmError('SDM_INPUT', `${key}: expected ${expected}, found "${name.slice(0, 100)}"`, {
    details: { key, expected, found: name },
  });
}

export { CERTIFICATE_ROLES };

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
const serialOf = ({ serial }: RevokedEntry): string => serial;
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

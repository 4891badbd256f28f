/** Clients that show a certificate. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { SdmError } from '../errors.js';
import type { Logger } from '../log.js';
import { loadTls, PKI_FILES, spiffeIdOf, TLS_VERSION, type TlsMaterial } from '../tls.js';
import { CERTIFICATE_ROLES, type CertificateRole, type Identity } from './identity.js';
import { WatchedFile } from './watched-file.js';

/** A list of revoked certificates as it is written. */
export interface RevokedFile {
  readonly revoked: readonly RevokedEntry[];
}
export interface RevokedEntry {
  /** Hex digits, upper case, as openssl prints them. */
  readonly serial: string;
  readonly role: string;
  readonly name: string;
  /** ISO 8601. */
  readonly at: string;
}

/** What a connection proved: who it is, or why that is not known. */
type Proof =
  | { readonly identity: Identity; readonly serial: string; readonly notAfter: number }
  | { readonly problem: string };

const DAY_MS = 86_400_000;
/** Time enough for somebody to read a log. */
const SOON_DAYS = 30;

/** What node says of a certificate that it does not trust. */
const PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet; compare the clocks',
  INVALID_PURPOSE: 'it is not for clients',
};

/** Knows clients of TLS by their certificates, which the one authority of the rack must have issued. */
export class Certificates {
  readonly #tls: TlsMaterial;
  readonly #revoked: WatchedFile<ReadonlySet<string> | undefined>;
  readonly #proofs = new WeakMap<TLSSocket, Proof>();

  /** @throws SdmError SDM_PKI. */
  constructor(pki: string, log: Logger) {
    this.#tls = loadTls(pki, true);
    const days = Math.floor((this.notAfter - Date.now()) / DAY_MS);
    if (days < SOON_DAYS) log.warn({ pki, days }, expiry(days));
    this.#revoked = new WatchedFile(join(pki, PKI_FILES.revoked), readRevoked, undefined, log);
  }

  /**
   * For node's server. It does not refuse who has no certificate, or a wrong one: a handshake that fails
   * tells a client nothing, an answer does, and no request is read before {@link identify} is asked.
   */
  get serverOptions(): ServerOptions {
    const { cert, key, ca } = this.#tls;
    return { ...TLS_VERSION, cert, key, ca, requestCert: true, rejectUnauthorized: false };
  }

  /** When the daemon's own expires, ms since 1970. */
  get notAfter(): number {
    return this.#tls.notAfter ?? Number.NaN;
  }

  /** Who is at the other end; undefined: no certificate was shown. @throws SDM_UNAUTHENTICATED. */
  identify(socket: TLSSocket): Identity | undefined {
    let proof = this.#proofs.get(socket);
    if (proof === undefined) this.#proofs.set(socket, (proof = this.#look(socket)));
    if ('problem' in proof) {
      if (proof.problem === '') return undefined;
      throw refuse(proof.problem);
    }
    const revoked = this.#revoked.value();
    if (revoked === undefined) throw refuse('the list of revoked ones cannot be read here');
    if (revoked.has(proof.serial)) throw refuse('it was revoked');
    // a connection may stay for longer than its certificate holds
    if (Date.now() > proof.notAfter) throw refuse('it has expired');
    return proof.identity;
  }

  #look(socket: TLSSocket): Proof {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return { problem: '' };
    if (!socket.authorized) {
      const error = socket.authorizationError as unknown;
      const code = String((error as { code?: unknown } | null)?.code ?? error);
      return {
        problem: PROBLEMS[code] ?? `the authority of this rack has not issued it (${code})`,
      };
    }
    const id = spiffeIdOf(certificate.subjectAltName);
    const { rack } = this.#tls.id ?? {};
    if (id === undefined || id.rack !== rack || !isRole(id.role)) {
      const names = certificate.subjectAltName ?? 'no name';
      return {
        problem: `expected the name spiffe://${rack}/${CERTIFICATE_ROLES.join('|')}/…, found "${names}"`,
      };
    }
    const { role, name } = id;
    return {
      identity: { kind: 'tls', role, name },
      serial: certificate.serialNumber,
      notAfter: Date.parse(certificate.validTo),
    };
  }
}

function isRole(role: string): role is CertificateRole {
  return (CERTIFICATE_ROLES as readonly string[]).includes(role);
}

function expiry(days: number): string {
  const when =
    days < 0 ? 'has expired: nobody will talk to this daemon' : `expires in ${days} days`;
  return `the certificate of this daemon ${when}; issue another one, and restart`;
}

function refuse(why: string): SdmError {
  return new SdmError('SDM_UNAUTHENTICATED', `the certificate of this client is refused: ${why}`);
}

/** Serial numbers. @throws SdmError SDM_PKI. */
export function readRevoked(path: string): ReadonlySet<string> {
  return new Set(readRevokedFile(path).revoked.map(({ serial }) => serial));
}

/** @throws SdmError SDM_PKI: a list that is not there may have been longer. */
export function readRevokedFile(path: string): RevokedFile {
  const refused = (why: string, cause?: unknown): SdmError =>
    new SdmError('SDM_PKI', `${path}: ${why}; \`sdm pki issue\` and \`sdm pki revoke\` write it`, {
      details: { file: path },
      cause,
    });
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const { code = 'not JSON' } = cause as NodeJS.ErrnoException;
    throw refused(`the list of revoked certificates cannot be read (${code})`, cause);
  }
  const { revoked } = (value ?? {}) as Partial<RevokedFile>;
  const isEntry = (each: unknown): boolean =>
    /^[0-9A-F]{1,40}$/.test(String((each as Partial<RevokedEntry> | null)?.serial));
  if (!Array.isArray(revoked) || !revoked.every(isEntry)) {
    throw refused('expected {"revoked": [{"serial": "<hex digits>", …}]}');
  }
  return value as RevokedFile;
}

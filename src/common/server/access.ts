import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { isLoopback } from '../address.js';
import { SdmError } from '../errors.js';
import type { Logger } from '../log.js';
import type { App } from './app.js';
import { Certificates } from './certificates.js';
import { isUnixSocket } from './http-server.js';
import { Tokens } from './tokens.js';
import { LOCAL_IDENTITY, TOKEN_ROLES, type Identity, type Role } from './identity.js';

/** How those who ask prove who they are, and what they may do. */
export interface AuthOptions {
  /** Directory made by `sdm pki issue`: cert.pem, key.pem, ca.pem, revoked.json. For https. */
  readonly pki?: string;
  /** File with the hashes of tokens, made by `sdm pki token`. */
  readonly tokens?: string;
  /** Who may GET where a route says nothing else. Default: viewer and controller. */
  readonly read?: readonly Role[];
  /** Who may do anything else. Default: operator and controller. */
  readonly command?: readonly Role[];
}

const READ: readonly Role[] = ['viewer', 'controller'];
const COMMAND: readonly Role[] = ['operator', 'controller'];

/** Who is at a port of this machine where nobody has to prove who they are. */
const LOOPBACK_IDENTITY: Identity = { kind: 'local', role: 'local', name: 'loopback' };
const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]{1,512}) *$/i;

/** Decides for every request who sent it, and whether they may. */
export class Access {
  /** For a server behind TLS; undefined where no PKI is configured. */
  readonly certificates: Certificates | undefined;
  readonly #tokens: Tokens | undefined;
  readonly #read: readonly Role[];
  readonly #command: readonly Role[];

  /** @throws SdmError SDM_PKI for a directory or a file that cannot be used. */
  constructor({ pki, tokens, read = READ, command = COMMAND }: AuthOptions, log: Logger) {
    this.certificates = pki === undefined ? undefined : new Certificates(pki, log);
    this.#tokens = tokens === undefined ? undefined : new Tokens(tokens, log);
    this.#read = read;
    this.#command = command;
  }

  /** Whether who comes to a port of this machine must show a token. */
  get asksForTokens(): boolean {
    return this.#tokens !== undefined;
  }

  /** Has each route that is added from now on ask before anything of a body is read. */
  guard(app: App): void {
    app.decorateRequest('identity');
    app.addHook('onRoute', (route) => {
      const allow = route.config?.allow;
      const ask: onRequestHookHandler = (request, _reply, done) => {
        try {
          this.admit(request, allow);
          done();
        } catch (error) {
          done(error as Error);
        }
      };
      route.onRequest = [ask, ...[route.onRequest ?? []].flat()];
    });
  }

  /** @throws SDM_UNAUTHENTICATED, SDM_FORBIDDEN. */
  admit(request: FastifyRequest, allow?: readonly Role[]): void {
    const identity = this.#identify(request.raw);
    request.identity = identity;
    if (identity.role === 'local') return;
    const isReading = request.method === 'GET' || request.method === 'HEAD';
    checkRole(identity, allow ?? (isReading ? this.#read : this.#command), request);
  }

  #identify({ socket, headers }: IncomingMessage): Identity {
    const isTls = 'encrypted' in socket;
    // its file says who may use it
    if (isUnixSocket(socket)) return LOCAL_IDENTITY;
    const shown = isTls ? this.certificates?.identify(socket as TLSSocket) : undefined;
    if (shown !== undefined) {
      refuseOtherPages(headers);
      return shown;
    }
    const { authorization } = headers;
    if (authorization !== undefined && this.#tokens !== undefined) {
      const text = BEARER.exec(authorization)?.[1];
      const known = text === undefined ? undefined : this.#tokens.identify(text);
      if (known !== undefined) return known;
      throw new SdmError(
        'SDM_UNAUTHENTICATED',
        'the token of this client is refused: it is none of those that this daemon knows',
      );
    }
    if (!isTls && this.#tokens === undefined) {
      refuseOtherPages(headers);
      refuseOtherHosts(headers);
      return LOOPBACK_IDENTITY;
    }
    const ways = [
      ...(isTls ? ['a certificate that the authority of this rack issued'] : []),
      ...(this.#tokens === undefined ? [] : ['"Authorization: Bearer <token>"']),
    ];
    throw new SdmError('SDM_UNAUTHENTICATED', `expected ${ways.join(' or ')}, found neither`);
  }
}

/**
 * A browser shows its certificate, or is on this machine, also when a page of somebody else has it send
 * something; but then it says so. @throws SDM_FORBIDDEN.
 */
function refuseOtherPages({ origin, 'sec-fetch-site': site = 'none' }: IncomingHttpHeaders): void {
  if (origin === undefined && (site === 'none' || site === 'same-origin')) return;
  throw new SdmError(
    'SDM_FORBIDDEN',
    'a page of another origin may not ask this daemon, but for one that shows a token of its own',
  );
}

/** The name of somebody else may lead to this machine for a while. @throws SDM_FORBIDDEN. */
function refuseOtherHosts({ host = 'localhost' }: IncomingHttpHeaders): void {
  if (isLoopback(host.replace(/:\d+$/, ''))) return;
  throw new SdmError(
    'SDM_FORBIDDEN',
    `headers.host: expected localhost, 127.0.0.1 or [::1], found "${host.slice(0, 100)}"`,
  );
}

/** @throws SDM_FORBIDDEN. */
function checkRole(
  identity: Identity,
  allow: readonly Role[],
  { method, url }: { readonly method: string; readonly url: string },
): void {
  if (mayAct(identity.role, allow)) return;
  throw new SdmError(
    'SDM_FORBIDDEN',
    `${method} ${url.slice(0, 200)}: expected a caller of role ${allow.join(' or ')}, ` +
      `found "${identity.name}" of role ${identity.role}`,
    { details: { role: identity.role, name: identity.name, allowed: [...allow] } },
  );
}

/** Whether a role is among those that may, itself or by a lower one that it stands for, too. */
export function mayAct(role: Role, allow: readonly Role[]): boolean {
  if (role === 'local' || allow.includes(role)) return true;
  const rank = (TOKEN_ROLES as readonly string[]).indexOf(role);
  return rank >= 0 && TOKEN_ROLES.slice(0, rank).some((lower) => allow.includes(lower));
}

/**
 * Has who is known by a certificate of a role speak for itself only; others are left to `allow`.
 * @throws SDM_FORBIDDEN.
 */
export function checkOwnName({ role: has, name }: Identity, role: Role, speaksFor: string): void {
  if (has !== role || name === speaksFor) return;
  throw new SdmError(
    'SDM_FORBIDDEN',
    `${role} "${name}" speaks for itself only, not for "${speaksFor}"`,
    { details: { role, name, found: speaksFor } },
  );
}

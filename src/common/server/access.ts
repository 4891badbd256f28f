import type { FastifyRequest } from 'fastify';
import { SdmError } from '../errors.js';
import type { Logger } from '../log.js';
import type { App } from './app.js';
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

/** Decides for every request who sent it, and whether they may. */
export class Access {
  readonly options: AuthOptions;

  constructor(options: AuthOptions = {}, _log: Logger) {
    this.options = options;
  }

  /** Has each route that is added from now on ask before anything of a body is read. */
  guard(app: App): void {
    app.decorateRequest('identity');
    app.addHook('onRoute', (route) => {
      const allow = route.config?.allow;
      route.onRequest = [
        ...[route.onRequest ?? []].flat(),
        (request, _reply, done) => {
          try {
            this.admit(request, allow);
            done();
          } catch (error) {
            done(error as Error);
          }
        },
      ];
    });
  }

  /** @throws SDM_UNAUTHENTICATED, SDM_FORBIDDEN. */
  admit(request: FastifyRequest, allow?: readonly Role[]): void {
    const { read = READ, command = COMMAND } = this.options;
    const isReading = request.method === 'GET' || request.method === 'HEAD';
    request.identity = LOCAL_IDENTITY;
    checkRole(request.identity, allow ?? (isReading ? read : command), request);
  }
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

import type {} from 'fastify';

/** What a certificate may stand for: `spiffe://<rack>/<role>/<name>`. */
export const CERTIFICATE_ROLES = ['controller', 'agent', 'lender', 'dbmc', 'operator'] as const;
export type CertificateRole = (typeof CERTIFICATE_ROLES)[number];

/** What a bearer token may stand for; each may do what those before it may. */
export const TOKEN_ROLES = ['viewer', 'operator', 'admin'] as const;
export type TokenRole = (typeof TOKEN_ROLES)[number];

/** `local`: who may use the Unix socket, and so may do everything. */
export type Role = 'local' | CertificateRole | TokenRole;

/** Who sent a request, as far as the connection proves it. */
export interface Identity {
  readonly kind: 'local' | 'tls' | 'token';
  readonly role: Role;
  /** Brick id, tray id, name of a controller or of a token; "local" at the socket. */
  readonly name: string;
}

export const LOCAL_IDENTITY: Identity = { kind: 'local', role: 'local', name: 'local' };

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any handler runs. */
    identity: Identity;
  }
  interface FastifyContextConfig {
    /**
     * Roles that may use the route. A role of tokens stands for the higher ones, too; `local` may
     * always. Default: what `createApi` was told for reading (GET, HEAD) or commanding (the rest).
     */
    allow?: readonly Role[];
  }
}

/** Bearer tokens of people: a file has who they are and the hashes of what they show. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SdmError } from '../errors.js';
import type { Logger } from '../log.js';
import { NAME_PATTERN } from '../tls.js';
import { TOKEN_ROLES, type Identity, type TokenRole } from './identity.js';
import { WatchedFile } from './watched-file.js';

/** A file of tokens as it is written. */
export interface TokensFile {
  readonly tokens: readonly TokenEntry[];
}
export interface TokenEntry {
  readonly name: string;
  readonly role: TokenRole;
  /** Of the token's text, 64 hex digits. The text itself is nowhere but with its owner. */
  readonly sha256: string;
}

/** Hash of a token's text, as the file has it. */
export const hashOfToken = (text: string): string =>
  createHash('sha256').update(text).digest('hex');

/** Whom a token stands for, as the file says now: it is read again when it changes. */
export class Tokens {
  readonly #file: WatchedFile<readonly TokenEntry[]>;

  /** @throws SdmError SDM_PKI for a file that cannot be used. Once that was well, it stands for nobody. */
  constructor(path: string, log: Logger) {
    this.#file = new WatchedFile(path, readTokens, [], log);
  }

  /** undefined: of nobody. Takes the same time for all that is wrong. */
  identify(text: string): Identity | undefined {
    const hash = createHash('sha256').update(text).digest();
    let found: Identity | undefined;
    for (const { name, role, sha256 } of this.#file.value()) {
      if (timingSafeEqual(hash, Buffer.from(sha256, 'hex'))) found = { kind: 'token', role, name };
    }
    return found;
  }
}

/** @throws SdmError SDM_PKI, naming what is wrong. */
export function readTokens(path: string): readonly TokenEntry[] {
  const refuse = (why: string, cause?: unknown): SdmError =>
    new SdmError('SDM_PKI', `${path}: ${why}; \`sdm pki token\` writes such files`, {
      details: { file: path },
      cause,
    });
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const { code = 'not JSON' } = cause as NodeJS.ErrnoException;
    throw refuse(`the file of tokens cannot be read (${code})`, cause);
  }
  const { tokens } = (value ?? {}) as Partial<TokensFile>;
  if (!Array.isArray(tokens)) throw refuse('expected {"tokens": [...]}');
  for (const [i, each] of tokens.entries()) {
    const { name, role, sha256 } = (each ?? {}) as Partial<TokenEntry>;
    if (!NAME_PATTERN.test(String(name))) throw refuse(`tokens[${i}].name is no name`);
    if (!TOKEN_ROLES.includes(role!)) {
      throw refuse(`tokens[${i}].role: expected ${TOKEN_ROLES.join(' or ')}`);
    }
    if (!/^[0-9a-f]{64}$/.test(String(sha256))) {
      throw refuse(`tokens[${i}].sha256: expected 64 hex digits`);
    }
  }
  return tokens as readonly TokenEntry[];
}

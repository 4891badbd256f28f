import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SdmError } from '../common/errors.js';
import type { TokenRole } from '../common/server/identity.js';
import { hashOfToken, readTokens } from '../common/server/tokens.js';
import { replace, writeNew } from './files.js';

const FILE = 'tokens.json';

/**
 * Makes a token for a person: its text in a file of its own, its hash among those that daemons know.
 * @returns the file with the text.
 * @throws SdmError SDM_CONFLICT: that name has one; SDM_PKI.
 */
export function makeToken(dir: string, name: string, role: TokenRole): string {
  const known = readTokens(join(dir, FILE));
  const path = fileOf(dir, name);
  if (known.some((each) => each.name === name) || existsSync(path)) {
    throw new SdmError(
      'SDM_CONFLICT',
      `${name} has a token already (${path}): revoke it, then make another one`,
    );
  }
  const text = `sdm_${randomBytes(32).toString('base64url')}`;
  writeNew(path, `${text}\n`);
  write(dir, [...known, { name, role, sha256: hashOfToken(text) }]);
  return path;
}

/** From now on nobody passes by it. @throws SdmError SDM_NOT_FOUND, SDM_PKI. */
export function revokeToken(dir: string, name: string): void {
  const known = readTokens(join(dir, FILE));
  const rest = known.filter((each) => each.name !== name);
  if (rest.length === known.length) {
    throw new SdmError('SDM_NOT_FOUND', `${name} has no token; \`sdm pki list\` has them all`);
  }
  write(dir, rest);
  rmSync(fileOf(dir, name), { force: true });
}

/** Without what they show. @throws SdmError SDM_PKI. */
export function listTokens(dir: string): { name: string; role: TokenRole }[] {
  return readTokens(join(dir, FILE)).map(({ name, role }) => ({ name, role }));
}

function write(dir: string, tokens: readonly object[]): void {
  replace(join(dir, FILE), `${JSON.stringify({ tokens }, null, 2)}\n`);
}

const fileOf = (dir: string, name: string): string => join(dir, `${name}.token`);

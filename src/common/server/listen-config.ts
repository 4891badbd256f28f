/** How the configuration of a daemon says where it listens beside its Unix socket. */
import { Type, type Static } from 'typebox';
import { parseAddress } from '../address.js';
import { SdmError } from '../errors.js';
import type { Explanation } from '../schema-errors.js';
import type { AuthOptions } from './access.js';
import { closed } from './forms.js';

const Path = (description: string) =>
  Type.String({ pattern: '^/', description, expected: 'an absolute path' });

export const ListenConfig = Type.Object(
  {
    address: Type.String({
      description: '"https://host:port", such as "https://0.0.0.0:7443"; http on this machine only',
    }),
    pki: Type.Optional(
      Path('with https: directory that `sdm pki issue` made, with its certificate and key'),
    ),
    tokens: Type.Optional(Path('tokens.json of `sdm pki`: people may show a token of these')),
  },
  { ...closed, description: 'where it listens beside its socket' },
);
export type ListenConfig = Static<typeof ListenConfig>;

/** What is wrong with one that keeps to the schema. @param key of it, such as "listen". */
export function* listenFaults(key: string, { address, pki }: ListenConfig): Generator<Explanation> {
  try {
    const { kind } = parseAddress(address, { key: `${key}.address` });
    if (kind === 'unix') {
      const expected = '"https://host:port"; the socket has a key of its own';
      yield { key: `${key}.address`, expected, found: address };
    } else if (kind === 'https' && pki === undefined) {
      yield { key: `${key}.pki`, expected: 'a directory that `sdm pki issue` made', found: pki };
    } else if (kind === 'http' && pki !== undefined) {
      yield { key: `${key}.pki`, expected: 'no such key without https', found: pki };
    }
  } catch (error) {
    if (!(error instanceof SdmError)) throw error;
    const expected = String(error.details?.['expected']);
    yield { key: `${key}.address`, expected, found: address };
  }
}

/** What `createApi` needs of it. */
export function authOf(listen: ListenConfig | undefined): AuthOptions {
  const { pki, tokens } = listen ?? {};
  return { ...(pki && { pki }), ...(tokens && { tokens }) };
}

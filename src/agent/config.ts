import { readFile } from 'node:fs/promises';
import { Ajv, type ValidateFunction } from 'ajv';
import { Type, type Static } from 'typebox';
import { SdmError } from '../common/errors.js';
import { LOG_LEVELS, type LogLevel } from '../common/log.js';
import { explain, show } from '../common/schema-errors.js';
import { closed, Hex, Milliseconds } from './api/forms.js';
import {
  DEFAULT_NODE,
  DEFAULT_SOCKET,
  DEFAULT_STATE_DIR,
  LINK_POLL_MS,
  OFFLINE_MS,
} from './defaults.js';
import {
  BACKENDS,
  type AgentConfig,
  type PoolConfig,
  type RegistersConfig,
  type Share,
} from './types.js';

/** The kernel's limit for the path of a Unix socket, without the closing zero. */
const SOCKET_PATH_MAX = 107;
const PCI_PATTERN = '^(auto|[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7])$';

const Path = (description: string) =>
  Type.String({ pattern: '^/', description, expected: 'an absolute path' });
const Pci = Type.String({
  pattern: PCI_PATTERN,
  expected: '"auto" or a PCI address such as "0000:00:02.0"',
});

/** The file as it is written; {@link AgentConfig} is what comes of it. */
export const ConfigFile = Type.Object(
  {
    brick: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
      description: 'name of this brick',
      expected: '1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit',
    }),
    registers: Type.Object(
      {
        backend: Type.Enum(BACKENDS),
        pci: Type.Optional(Pci),
        path: Type.Optional(Path('backend file: the register file')),
      },
      closed,
    ),
    pool: Type.Optional(
      Type.Object(
        { pci: Type.Optional(Pci), path: Type.Optional(Path('the pool as a plain file')) },
        closed,
      ),
    ),
    shares: Type.Optional(
      Type.Array(
        Type.Object(
          {
            start: Hex('offset in the pool, bytes'),
            size: Hex('bytes'),
            shared: Type.Optional(Type.Boolean({ description: 'other bricks use it too' })),
          },
          closed,
        ),
        { maxItems: 1024, description: 'what of the pool this brick may use' },
      ),
    ),
    socket: Type.Optional(Path('where the agent listens')),
    socketGroup: Type.Optional(
      Type.String({ minLength: 1, description: 'group whose members may command the agent' }),
    ),
    node: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1023,
        description: 'NUMA node that remote memory joins',
      }),
    ),
    offlineTimeoutMs: Type.Optional(Milliseconds('for all blocks of one detach together')),
    linkTimeoutMs: Type.Optional(Milliseconds('how long an attach waits for its transceiver')),
    queueTimeoutMs: Type.Optional(Milliseconds('how long a command waits for those before it')),
    linkPollMs: Type.Optional(
      Type.Integer({
        minimum: 10,
        maximum: 60_000,
        description: 'how often the links are looked at',
      }),
    ),
    stateDir: Type.Optional(Path('where the journal lies')),
    addresses: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        maxItems: 64,
        description:
          'IP addresses that a D4.4 command may name as cIP; default: those of the interfaces',
      }),
    ),
    checks: Type.Optional(
      Type.Object(
        {
          alignment: Type.Optional(
            Type.Boolean({ description: 'start, size and remote are multiples of the granule' }),
          ),
          remoteOverlap: Type.Optional(
            Type.Boolean({ description: 'no two memports lead to the same remote bytes' }),
          ),
        },
        { ...closed, description: 'refusals of the agent that can be switched off' },
      ),
    ),
    log: Type.Optional(Type.Enum(LOG_LEVELS)),
  },
  closed,
);
export type ConfigFile = Static<typeof ConfigFile>;

/** What `serve` runs on: the core's part with defaults filled in, and the server's own. */
export interface ServeConfig extends AgentConfig {
  readonly socket: string;
  readonly socketGroup: string | null;
  /** Where the journal lies. */
  readonly stateDir: string;
  /** That a D4.4 command may name; undefined: those of the interfaces, whatever they are then. */
  readonly addresses: readonly string[] | undefined;
  readonly log: LogLevel;
}

/**
 * Reads and checks a configuration file.
 * @param override top-level keys that a command line puts in place of the file's.
 * @throws SdmError SDM_CONFIG, naming file, key, what was expected and what was found.
 */
export async function loadConfig(
  path: string,
  override: Partial<ConfigFile> = {},
): Promise<ServeConfig> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SdmError(
      'SDM_CONFIG',
      `cannot read the configuration ${path} (${cause.code}); write it, or name another one ` +
        'with --config',
      { details: { file: path }, cause },
    );
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SdmError('SDM_CONFIG', `${path} is not JSON: ${(cause as Error).message}`, {
      details: { file: path },
      cause,
    });
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return parseConfig(isObject ? { ...(value as object), ...override } : value, path);
}

/** Made at the first use: a command that reads no configuration does not pay for it. */
let validator: ValidateFunction | undefined;

/**
 * Checks a configuration that is already an object.
 * @param file what errors call it.
 * @throws SdmError SDM_CONFIG, naming file, key, what was expected and what was found.
 */
export function parseConfig(value: unknown, file: string): ServeConfig {
  // Checking our own schema against JSON Schema's would take most of the time of a start.
  const own = { meta: false, validateSchema: false, code: { optimize: false } } as const;
  const options = { ...own, strict: false, verbose: true } as const;
  const validate = (validator ??= new Ajv(options).compile(ConfigFile));
  if (!validate(value)) {
    const { key, expected, found } = explain(validate.errors);
    throw bad(file, key, expected, found);
  }
  const raw = value as ConfigFile;
  const config: ServeConfig = {
    brick: raw.brick,
    registers: registersOf(file, raw.registers),
    ...(raw.pool === undefined ? {} : { pool: poolOf(file, raw.pool) }),
    shares: sharesOf(file, raw.shares ?? []),
    socket: raw.socket ?? DEFAULT_SOCKET,
    socketGroup: raw.socketGroup ?? null,
    node: raw.node ?? DEFAULT_NODE,
    offlineTimeoutMs: raw.offlineTimeoutMs ?? OFFLINE_MS,
    ...(raw.linkTimeoutMs === undefined ? {} : { linkTimeoutMs: raw.linkTimeoutMs }),
    ...(raw.queueTimeoutMs === undefined ? {} : { queueTimeoutMs: raw.queueTimeoutMs }),
    linkPollMs: raw.linkPollMs ?? LINK_POLL_MS,
    checks: {
      alignment: raw.checks?.alignment ?? true,
      remoteOverlap: raw.checks?.remoteOverlap ?? true,
    },
    stateDir: raw.stateDir ?? process.env['STATE_DIRECTORY'] ?? DEFAULT_STATE_DIR,
    addresses: raw.addresses,
    log: raw.log ?? 'info',
  };
  if (Buffer.byteLength(config.socket) > SOCKET_PATH_MAX) {
    throw bad(file, 'socket', `a path of at most ${SOCKET_PATH_MAX} bytes`, config.socket);
  }
  if (config.pool !== undefined && 'path' in config.pool !== (raw.registers.backend === 'file')) {
    throw bad(
      file,
      'pool',
      `the key "${raw.registers.backend === 'file' ? 'path' : 'pci'}" with backend ` +
        `"${raw.registers.backend}"`,
      raw.pool,
    );
  }
  return config;
}

function registersOf(file: string, raw: ConfigFile['registers']): RegistersConfig {
  if (raw.backend === 'bar') {
    if (raw.path !== undefined) {
      throw bad(file, 'registers.path', 'no such key with backend "bar"', raw.path);
    }
    return { backend: 'bar', pci: raw.pci ?? 'auto' };
  }
  if (raw.pci !== undefined) {
    throw bad(file, 'registers.pci', 'no such key with backend "file"', raw.pci);
  }
  if (raw.path === undefined) {
    throw bad(file, 'registers.path', 'the path of a register file (backend is "file")', undefined);
  }
  return { backend: 'file', path: raw.path };
}

function poolOf(file: string, raw: NonNullable<ConfigFile['pool']>): PoolConfig {
  if (raw.path !== undefined && raw.pci === undefined) return { path: raw.path };
  if (raw.pci !== undefined && raw.path === undefined) return { pci: raw.pci };
  throw bad(file, 'pool', 'exactly one of the keys "pci" and "path"', raw);
}

function sharesOf(file: string, raw: NonNullable<ConfigFile['shares']>): readonly Share[] {
  const shares = raw.map(({ start, size, shared }) => ({
    start: BigInt(start),
    size: BigInt(size),
    shared: shared ?? false,
  }));
  shares.forEach((share, i) => {
    if (share.size === 0n) throw bad(file, `shares[${i}].size`, 'more than 0', raw[i]?.size);
    if (share.start + share.size > 1n << 64n) {
      throw bad(file, `shares[${i}]`, 'a range that ends within 64 bits', raw[i]);
    }
    const j = shares.findIndex(
      (other, k) =>
        k < i && other.start < share.start + share.size && share.start < other.start + other.size,
    );
    if (j >= 0)
      throw bad(file, `shares[${i}]`, `a range that does not overlap shares[${j}]`, raw[i]);
  });
  return shares;
}

function bad(file: string, key: string, expected: string, found: unknown): SdmError {
  const where = key === '' ? file : `${file}: ${key}`;
  return new SdmError('SDM_CONFIG', `${where}: expected ${expected}, found ${show(found)}`, {
    details: { file, key, expected, found: found ?? null },
  });
}

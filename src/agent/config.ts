import { isAbsolute } from 'node:path';
import { readConfigFile } from '../common/config-file.js';
import { SdmError } from '../common/errors.js';
import type { LogLevel } from '../common/log.js';
import type { ListenConfig } from '../common/server/listen-config.js';
import { show } from '../common/schema-errors.js';
import { faultsOf, type Fault } from './config-check.js';
import type { ConfigFile } from './config-schema.js';
import {
  DEFAULT_NODE,
  DEFAULT_SOCKET,
  DEFAULT_STATE_DIR,
  LINK_POLL_MS,
  OFFLINE_MS,
} from './defaults.js';
import {
  PLAIN_MEMORY,
  type AgentConfig,
  type PoolConfig,
  type RegistersConfig,
  type Share,
} from './types.js';

export type { ConfigFile } from './config-schema.js';

/** What `serve` runs on: the core's part with defaults filled in, and the server's own. */
export interface ServeConfig extends AgentConfig {
  readonly socket: string;
  readonly socketGroup: string | null;
  /** Where else it listens; undefined: nowhere. */
  readonly listen: ListenConfig | undefined;
  /** Where the journal lies. */
  readonly stateDir: string;
  /** That a D4.4 command may name; undefined: those of the interfaces, whatever they are then. */
  readonly addresses: readonly string[] | undefined;
  readonly log: LogLevel;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks a configuration file.
 * @param override top-level keys that a command line puts in place of the file's.
 * @throws SdmError SDM_CONFIG, naming file, key, what was expected and what was found.
 */
export async function loadConfig(
  path: string,
  override: Partial<ConfigFile> = {},
): Promise<ServeConfig> {
  const value = await readConfig(path);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return parseConfig(isObject ? { ...(value as object), ...override } : value, path);
}

/**
 * Reads a configuration file as it is.
 * @param named how a command line names another one.
 * @throws SdmError SDM_CONFIG: not there, not JSON, or a key comes twice.
 */
export function readConfig(path: string, named = 'with --config'): Promise<unknown> {
  return readConfigFile(path, `or name another one ${named}`);
}

/**
 * Checks a configuration that is already an object.
 * @param file what errors call it.
 * @param env $STATE_DIRECTORY is systemd's word for where state goes.
 * @throws SdmError SDM_CONFIG, naming file, key, what was expected and what was found; of several
 * faults the first, with all of them in `details.faults`.
 */
export function parseConfig(
  value: unknown,
  file: string,
  env: Environment = process.env,
): ServeConfig {
  const faults = faultsOf(value);
  if (faults[0] !== undefined) throw invalid(file, faults[0], faults);
  const raw = value as ConfigFile;
  return {
    brick: raw.brick,
    registers: registersOf(raw.registers),
    ...(raw.pool === undefined ? {} : { pool: raw.pool as PoolConfig }),
    shares: (raw.shares ?? []).map(shareOf),
    socket: raw.socket ?? DEFAULT_SOCKET,
    socketGroup: raw.socketGroup ?? null,
    listen: raw.listen,
    node: raw.node ?? DEFAULT_NODE,
    memory: { ...PLAIN_MEMORY, ...raw.memory },
    offlineTimeoutMs: raw.offlineTimeoutMs ?? OFFLINE_MS,
    ...(raw.linkTimeoutMs === undefined ? {} : { linkTimeoutMs: raw.linkTimeoutMs }),
    ...(raw.queueTimeoutMs === undefined ? {} : { queueTimeoutMs: raw.queueTimeoutMs }),
    linkPollMs: raw.linkPollMs ?? LINK_POLL_MS,
    checks: {
      alignment: raw.checks?.alignment ?? true,
      remoteOverlap: raw.checks?.remoteOverlap ?? true,
    },
    stateDir: raw.stateDir ?? stateDirectory(env) ?? DEFAULT_STATE_DIR,
    addresses: raw.addresses,
    log: raw.log ?? 'info',
  };
}

/** What a fault is, in a line. */
export function faultText(file: string, { key, expected, found }: Fault): string {
  const where = key === '' ? file : `${file}: ${key}`;
  return `${where}: expected ${expected}, found ${show(found)}`;
}

/** systemd gives a list where a unit names several directories: ours is the first. */
function stateDirectory(env: Environment): string | undefined {
  const first = env['STATE_DIRECTORY']?.split(':')[0];
  if (first === undefined || first === '') return undefined;
  if (isAbsolute(first)) return first;
  const fault = { key: '$STATE_DIRECTORY', expected: 'an absolute path', found: first };
  throw invalid('the environment', fault, [fault]);
}

function registersOf(raw: ConfigFile['registers']): RegistersConfig {
  const { backend, pci = 'auto', uio = 'auto', path = '', device } = raw;
  switch (backend) {
    case 'file':
      return { backend, path };
    case 'uio':
      return { backend, uio: device ?? uio };
    case 'bar':
      return { backend, pci };
    default:
      return { backend, pci, ...(device === undefined ? {} : { device }) };
  }
}

function shareOf({ start, size, shared }: NonNullable<ConfigFile['shares']>[number]): Share {
  return { start: BigInt(start), size: BigInt(size), shared: shared ?? false };
}

function invalid(file: string, first: Fault, faults: readonly Fault[]): SdmError {
  const plain = faults.map((fault) => ({ ...fault, found: fault.found ?? null }));
  const more =
    faults.length === 1
      ? ''
      : ` (and ${faults.length - 1} more: \`sdm-agent config check ${file}\` lists them)`;
  return new SdmError('SDM_CONFIG', `${faultText(file, first)}${more}`, {
    details: { file, ...plain[0], faults: plain },
  });
}

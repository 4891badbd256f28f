import { isAbsolute } from 'node:path';
import { parseAddress } from '../common/address.js';
import { readConfigFile } from '../common/config-file.js';
import { SdmError } from '../common/errors.js';
import type { LogLevel } from '../common/log.js';
import { explainOne, isMisspelt, show, type Explanation } from '../common/schema-errors.js';
import { DEFAULT_NAME, DEFAULT_STORE, type ConfigFile } from './config-schema.js';
import { DEFAULT_ADDRESS } from './defaults.js';
import { validatorOf } from './config-validator.js';
import { RECONCILE_OPTIONS, type ReconcileOptions } from './reconcile/types.js';
import { POLICIES } from './reservation/policies/index.js';
import type { PolicyName } from './reservation/types.js';
import { AT_ONCE, TIMEOUTS, type Timeouts } from './synthesizer/daemons.js';

export type { ConfigFile } from './config-schema.js';

export const DEFAULT_CONFIG_PATH = '/etc/sdm/controller.json';

/** What `sdm-controller serve` runs on. */
export interface ServeConfig {
  readonly name: string;
  /** Path of the file. */
  readonly topology: string;
  /** Directory. */
  readonly store: string;
  readonly listen: readonly string[];
  readonly socketGroup: string | undefined;
  readonly pki: string | undefined;
  readonly tokens: string | undefined;
  readonly policy: PolicyName;
  readonly pathUtil: number;
  readonly timeouts: Timeouts;
  readonly atOnce: number;
  readonly reconcile: ReconcileOptions;
  readonly log: LogLevel;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks a configuration file.
 * @param path undefined: the command line says all.
 * @param override top-level keys that a command line puts in place of the file's.
 * @throws SdmError SDM_CONFIG, naming file, key, what was expected and what was found.
 */
export async function loadConfig(
  path: string | undefined,
  override: Partial<ConfigFile> = {},
): Promise<ServeConfig> {
  if (path === undefined) return parseConfig(override, 'the command line');
  const value = await readConfig(path);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return parseConfig(isObject ? { ...value, ...override } : value, path);
}

/** The file as it is. @throws SDM_CONFIG: not there, not JSON, or a key comes twice. */
export function readConfig(path: string): Promise<unknown> {
  return readConfigFile(path, 'name another one with --config, or give --topology and --store');
}

/** All that is wrong with a value as a configuration; empty: it is a {@link ConfigFile}. */
export function faultsOf(value: unknown): readonly Explanation[] {
  const validate = validatorOf('config');
  const errors = validate(value) ? [] : (validate.errors ?? []);
  const faults = [...errors.filter(isMisspelt), ...errors.filter((each) => !isMisspelt(each))].map(
    explainOne,
  );
  return faults.length > 0 ? faults : [...crossFaults(value as ConfigFile)];
}

function* crossFaults({ listen = [], policy, pki }: ConfigFile): Generator<Explanation> {
  for (const [i, found] of listen.entries()) {
    const key = `listen[${i}]`;
    try {
      const { kind } = parseAddress(found, { key });
      if (kind !== 'https' || pki !== undefined) continue;
      yield { key: 'pki', expected: `a directory, since ${key} is https`, found: undefined };
    } catch (error) {
      const { details } = error as SdmError;
      yield { key, expected: String(details?.['expected']), found };
    }
  }
  if (policy !== undefined && !Object.hasOwn(POLICIES, policy)) {
    const expected = `one of ${Object.keys(POLICIES).join(', ')}`;
    yield { key: 'policy', expected, found: policy };
  }
}

/** @throws SDM_CONFIG; of several faults the first, with all of them in `details.faults`. */
export function parseConfig(
  value: unknown,
  file: string,
  env: Environment = process.env,
): ServeConfig {
  const faults = faultsOf(value);
  if (faults[0] !== undefined) throw invalid(file, faults[0], faults);
  const raw = value as ConfigFile;
  return {
    name: raw.name ?? DEFAULT_NAME,
    topology: raw.topology,
    store: raw.store ?? stateDirectory(env) ?? DEFAULT_STORE,
    listen: raw.listen ?? [DEFAULT_ADDRESS],
    socketGroup: raw.socketGroup,
    pki: raw.pki,
    tokens: raw.tokens,
    policy: (raw.policy ?? 'nearest') as PolicyName,
    pathUtil: raw.pathUtil ?? 0,
    timeouts: { ...TIMEOUTS, ...raw.timeouts },
    atOnce: raw.atOnce ?? AT_ONCE,
    reconcile: { ...RECONCILE_OPTIONS, ...raw.reconcile },
    log: raw.log ?? 'info',
  };
}

/** What a fault is, in a line. */
export function faultText(file: string, { key, expected, found }: Explanation): string {
  const where = key === '' ? file : `${file}: ${key}`;
  return `${where}: expected ${expected}, found ${show(found)}`;
}

/** systemd gives a list where a unit names several directories: ours is the first. */
function stateDirectory(env: Environment): string | undefined {
  const first = env['STATE_DIRECTORY']?.split(':')[0];
  return first !== undefined && isAbsolute(first) ? first : undefined;
}

function invalid(file: string, first: Explanation, faults: readonly Explanation[]): SdmError {
  const plain = faults.map((fault) => ({ ...fault, found: fault.found ?? null }));
  const more =
    faults.length === 1
      ? ''
      : ` (and ${faults.length - 1} more: \`sdm-controller config check ${file}\` lists them)`;
  return new SdmError('SDM_CONFIG', `${faultText(file, first)}${more}`, {
    details: { file, ...plain[0], faults: plain },
  });
}

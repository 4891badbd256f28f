import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { SdmError } from '../../common/errors.js';
import type { Group } from '../../common/groups.js';
import type { Native } from '../../native/types.js';
import type { Brick } from '../api/brick-schema.js';
import { listPciDevices } from '../backend/pci.js';
import { parseConfig, readConfig, type ServeConfig } from '../config.js';
import { faultsOf, type Fault } from '../config-check.js';
import { DEFAULT_NODE, DEFAULT_SOCKET, DEFAULT_STATE_DIR } from '../defaults.js';
import { readText } from '../memory/sysfs.js';
import { probeDirectly } from '../probe/collect.js';
import type { Opener } from '../backend/look.js';
import { readJournal, type JournalFile } from './read/journal.js';
import { readCommandLine, readKernelConfig, type KernelConfig } from './read/kernel-config.js';
import { askLinks, readLinks, type Links } from './read/links.js';
import { readLimits, type Limits } from './read/limits.js';
import { findModuleFile, type Modinfo, type ModuleFile } from './read/module-file.js';
import { readMounts, type Mount } from './read/mounts.js';
import { groupsWith } from './read/names.js';
import { readRunner, type Runner } from './read/runner.js';
import { readSystemd, type ShowUnit, type Systemd } from './read/systemd.js';

/** Whether an agent could be asked. */
export type AgentState =
  | { readonly kind: 'answers' }
  | { readonly kind: 'none'; readonly why: string }
  /** There is one, and this user may not ask it. */
  | { readonly kind: 'denied'; readonly why: string }
  /** There is something that does not answer as an agent does. */
  | { readonly kind: 'silent'; readonly why: string };

/** The configuration, as far as there is one. */
export type ConfigState =
  | { readonly kind: 'valid'; readonly path: string; readonly config: ServeConfig }
  | { readonly kind: 'invalid'; readonly path: string; readonly faults: readonly Fault[] }
  /** Not there, not readable, or not JSON. */
  | { readonly kind: 'unread'; readonly path: string; readonly why: string };

/** Asks an agent on a socket. @throws SdmError as src/common/http.ts says. */
export type Ask = (request: {
  readonly method?: 'DELETE' | 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly body?: unknown;
  /** Default: what a question may take. */
  readonly timeoutMs?: number;
  /** Ends the wait for the answer; what was asked for may be done all the same. */
  readonly signal?: AbortSignal;
}) => Promise<unknown>;

export interface Space {
  /** Bytes that are free to the agent, and how many the file system has. */
  readonly free: bigint;
  readonly total: bigint;
  readonly inodes: bigint;
}

/** What the doctor works with; all of it can be another in tests. */
export interface DoctorOptions {
  /** Below it are proc, sys, dev, etc, run, boot and lib; "/" but for tests. What a configuration
   * names is taken as it is. */
  readonly root: string;
  readonly configPath: string;
  /** In place of the configuration's. */
  readonly socket?: string;
  readonly loadNative: () => Promise<Native>;
  /** Asks whoever listens on a socket. */
  readonly askOn: (socket: string) => Ask;
  readonly nodeVersion?: string;
  readonly showUnit?: ShowUnit;
  readonly modinfo?: Modinfo;
  readonly statfs?: (path: string) => Space;
  /** Set a memport and clear it. */
  readonly scratch: boolean;
  readonly signal?: AbortSignal;
}

/** Everything that was read, before it is judged. */
export interface Surroundings {
  readonly root: string;
  readonly nodeVersion: string;
  readonly native: Native | { readonly missing: string };
  readonly config: ConfigState;
  /** The configuration, or what would hold if it were right. */
  readonly settings: Settings;
  readonly agent: AgentState;
  readonly ask: Ask;
  readonly brick: Brick;
  /** Content of `enable` by PCI address, as it was before anything was opened. */
  readonly enabled: ReadonlyMap<string, string>;
  readonly systemd: Systemd;
  readonly runner: Runner;
  readonly groups: readonly Group[];
  readonly mounts: readonly Mount[];
  readonly kernelConfig: KernelConfig | undefined;
  readonly commandLine: ReadonlyMap<string, string>;
  readonly moduleFile: ModuleFile | undefined;
  readonly links: Links;
  readonly journal: JournalFile;
  readonly limits: Limits;
  readonly statfs: (path: string) => Space;
}

export type Settings = Pick<
  ServeConfig,
  | 'registers'
  | 'pool'
  | 'shares'
  | 'socket'
  | 'socketGroup'
  | 'node'
  | 'memory'
  | 'stateDir'
  | 'checks'
  | 'queueTimeoutMs'
> & { readonly brick?: string };

const DEFAULTS: Settings = {
  registers: { backend: 'auto', pci: 'auto' },
  pool: { pci: 'auto' },
  shares: [],
  socket: DEFAULT_SOCKET,
  socketGroup: null,
  node: DEFAULT_NODE,
  stateDir: DEFAULT_STATE_DIR,
  checks: { alignment: true, remoteOverlap: true },
};

/** Reads all that is to be judged. Changes nothing, but that a device that was off is enabled. */
export async function look(options: DoctorOptions): Promise<Surroundings> {
  const { root } = options;
  const systemd = await readSystemd(root, options.showUnit);
  const unit = systemd.kind === 'unit' ? systemd.unit : undefined;
  const config = await configState(options.configPath, unit?.stateDirectory);
  const base = config.kind === 'valid' ? config.config : DEFAULTS;
  const settings = { ...base, ...(options.socket && { socket: options.socket }) };
  const enabled = readEnabled(root);
  const native = await options.loadNative().catch((error: Error) => ({ missing: error.message }));
  const ask = options.askOn(settings.socket);
  const opener = openerOf(native);
  const { agent, brick } = await askBrick(ask, options.signal, () =>
    probeDirectly({ root, native: opener, config: settings }),
  );
  const { release } = brick.kernel;
  return {
    root,
    nodeVersion: options.nodeVersion ?? process.versions.node,
    native,
    config,
    settings,
    agent,
    ask,
    brick,
    enabled,
    systemd,
    runner: readRunner(root, unit),
    groups: await groupsWith(root, settings.socketGroup),
    mounts: readMounts(root),
    kernelConfig: readKernelConfig(root, release),
    commandLine: readCommandLine(root),
    moduleFile: await findModuleFile(root, release, options.modinfo),
    links: agent.kind === 'answers' ? await askLinks(ask) : readLinks(root, opener, brick),
    journal: await readJournal(settings.stateDir),
    limits: readLimits(root, unit),
    statfs: options.statfs ?? spaceOf,
  };
}

async function configState(
  path: string,
  stateDirectory: readonly string[] | undefined,
): Promise<ConfigState> {
  let value: unknown;
  try {
    value = await readConfig(path);
  } catch (error) {
    return { kind: 'unread', path, why: (error as Error).message };
  }
  const faults = faultsOf(value);
  if (faults.length > 0) return { kind: 'invalid', path, faults };
  // What systemd would put into the agent's environment; this process may have another.
  const first = stateDirectory?.[0];
  const env = first === undefined ? {} : { STATE_DIRECTORY: join('/var/lib', first) };
  return { kind: 'valid', path, config: parseConfig(value, path, env) };
}

/** Without the addon every look at registers says why there is none. */
function openerOf(native: Surroundings['native']): Opener {
  if (!('missing' in native)) return native;
  return {
    openRegisters: () => {
      throw new SdmError('SDM_ADDON', native.missing);
    },
  };
}

async function askBrick(
  ask: Ask,
  signal: AbortSignal | undefined,
  directly: () => Brick,
): Promise<{ agent: AgentState; brick: Brick }> {
  try {
    const brick = (await ask({ path: '/v1/brick', ...(signal && { signal }) })) as Brick;
    return { agent: { kind: 'answers' }, brick };
  } catch (error) {
    signal?.throwIfAborted();
    const why = (error as Error).message;
    const errno = error instanceof SdmError ? error.details?.['errno'] : undefined;
    const kind =
      errno === 'ENOENT' || errno === 'ECONNREFUSED'
        ? 'none'
        : errno === 'EACCES'
          ? 'denied'
          : 'silent';
    return { agent: { kind, why }, brick: directly() };
  }
}

function readEnabled(root: string): Map<string, string> {
  return new Map(
    listPciDevices(join(root, 'sys')).flatMap(({ address }) => {
      const text = readText(join(root, 'sys/bus/pci/devices', address, 'enable'));
      return text === undefined ? [] : [[address, text] as const];
    }),
  );
}

function spaceOf(path: string): Space {
  const { bavail, blocks, bsize, ffree, files } = statfsSync(path, { bigint: true });
  return {
    free: bavail * bsize,
    total: blocks * bsize,
    // Some file systems have no fixed number of them and say 0 of 0.
    inodes: files === 0n ? 1n : ffree,
  };
}

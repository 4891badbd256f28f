import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { sdmCommand } from '../common/called.js';
import { SdmError } from '../common/errors.js';
import type { RunResult } from '../common/exec.js';
import { Progress } from '../common/progress.js';
import { ensureArtifacts, type Artifacts, type CpioEntry } from './artifacts/index.js';
import { brickProcesses, startBrick, waitReady } from './brick.js';
import { rackLayout, type RackLayout } from './layout.js';
import { lockRack } from './lock.js';
import { DEFAULT_RACK } from './names.js';
import { planRack, type PlanOptions, type RackPlan } from './plan.js';
import { checkSpace } from './pool.js';
import { shellQuote } from './qemu.js';
import { builtQemu, findQemu, type QemuKind } from './qemu-binary.js';
import type { Qmp } from './qmp.js';
import { setLink } from './registers.js';
import { setDeviceLink, withQmp } from './sdm-device.js';
import { sshArgv, sshDisconnect, sshExec, type ExecOptions } from './ssh.js';
import { qemuOf, rackNames, readState, type RackState } from './state.js';
import { rackStatus, type RackStatus } from './status.js';
import { removeRack, runningBricks, type RemoveOptions } from './teardown.js';
import { buildRack } from './up.js';

export type { ExecOptions } from './ssh.js';
export type { BrickStatus, DaemonStatus, RackStatus } from './status.js';
export { DEFAULT_RACK } from './names.js';
export { QEMUS, type QemuKind } from './qemu-binary.js';

export interface RackUpOptions extends Partial<PlanOptions> {
  /** Default "r0". */
  readonly name?: string;
  /**
   * What the bricks run on. Default `stock`: two ivshmem devices. `patched`: a QEMU with this project's
   * device, whose memports translate; it is built when it is not in the cache.
   */
  readonly qemu?: QemuKind;
  /** More for the kernel's command line, such as "sdm.module=no". */
  readonly append?: string;
  /** Keys to put over those of the agents' configuration. */
  readonly agent?: Readonly<Record<string, unknown>>;
  /** Devices that the bricks go without. */
  readonly omit?: readonly ('pool' | 'registers')[];
  /** More arguments for QEMU, such as devices that a trial needs; all bricks get the same. */
  readonly qemuArgs?: readonly string[];
  /** What to boot; default: what ensureArtifacts() makes or finds in the cache. */
  readonly artifacts?: Artifacts;
  /** More files for the guests, such as modules in /brick/modules-extra. */
  readonly extra?: readonly CpioEntry[];
  /**
   * Gives each brick a second virtio disk of this many bytes, an empty ext4 file system at first, for
   * `artifacts` that know what to do with it. Default 0: none.
   */
  readonly disk?: bigint;
  /**
   * With a controller, which wires and programs the bricks; a tray's daemon and two lenders, which have most
   * of the pool, run beside it on this host. Default: each brick attaches from its own share.
   */
  readonly controller?: boolean;
  /** For each brick to be ready. Default 180,000. */
  readonly bootTimeoutMs?: number;
  /** Shows the steps of making what is booted; default: on stderr. */
  readonly progress?: Progress;
  /** Where it fails, unless given up: keep logs as `down` does on request. Default: nothing stays. */
  readonly keepLogs?: boolean;
  /** Called with a few words on what is going on. */
  readonly onProgress?: (detail: string) => void;
  /** Gives up and removes what was made; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const DEFAULT_BRICKS = 2;
const DEFAULT_BOOT_TIMEOUT_MS = 180_000;
/** `down` waits this long for an `up` that is just being cancelled, or another `down`. */
const DOWN_LOCK_TIMEOUT_MS = 30_000;

/**
 * Refuses what {@link rackUp} would refuse for want of space or because the rack is up, before
 * anything else is made for it, and removes what a crash left of a rack of that name.
 * @throws SdmError SDM_INPUT, SDM_RACK_RUNNING, SDM_RACK_BUSY, SDM_RACK_SPACE.
 */
export async function checkRack(
  options: Pick<RackUpOptions, 'name' | 'onProgress' | keyof PlanOptions> = {},
): Promise<void> {
  const layout = rackLayout(options.name ?? DEFAULT_RACK);
  const plan = planRack({ ...options, bricks: options.bricks ?? DEFAULT_BRICKS });
  const lock = await lockRack(layout, 'up');
  try {
    await makeWay(layout, plan, options.onProgress ?? (() => {}));
  } finally {
    await lock.release();
  }
}

/**
 * Brings a rack up: makes pool, registers and keys, boots the bricks and waits until all are ready.
 * What a crash left of a rack of that name is removed first. Fails whole: nothing stays.
 * @throws SdmError SDM_INPUT, SDM_RACK_RUNNING if it is up, SDM_RACK_BUSY, SDM_RACK_SPACE,
 * SDM_RACK_QEMU, SDM_RACK_BOOT (details.log: the end of the console).
 */
export async function rackUp(options: RackUpOptions = {}): Promise<Rack> {
  const layout = rackLayout(options.name ?? DEFAULT_RACK);
  const plan = planRack({ ...options, bricks: options.bricks ?? DEFAULT_BRICKS });
  const signal = options.signal;
  const onProgress = options.onProgress ?? (() => {});
  signal?.throwIfAborted();
  const qemu = options.qemu ?? 'stock';
  const progress = options.progress ?? new Progress({ stream: process.stderr });
  const making = { progress, ...(signal && { signal }) };
  let binary = await findQemu(qemu, signal);
  if (binary === undefined) {
    // A build takes minutes: not for a rack that is refused anyway, and nobody is to wait for its lock.
    await checkRack(options);
    binary = await builtQemu(making);
  }
  const lock = await lockRack(layout, 'up');
  try {
    const fresh = await makeWay(layout, plan, onProgress);
    const artifacts = options.artifacts ?? (await ensureArtifacts(making));
    try {
      await buildRack({
        layout: fresh,
        plan,
        artifacts,
        qemu,
        qemuBinary: binary,
        append: options.append ?? '',
        agent: options.agent ?? {},
        omit: options.omit ?? [],
        qemuArgs: options.qemuArgs ?? [],
        extra: options.extra ?? [],
        disk: options.disk ?? 0n,
        bootTimeoutMs: options.bootTimeoutMs ?? DEFAULT_BOOT_TIMEOUT_MS,
        onProgress,
        signal,
      });
    } catch (error) {
      const keepLogs = options.keepLogs === true && signal?.aborted !== true;
      onProgress(`removing what was made${keepLogs ? `; logs stay in ${fresh.logsDir}` : ''}`);
      await removeRack(fresh, { keepLogs });
      throw error;
    }
    return new Rack(fresh);
  } finally {
    await lock.release();
  }
}

/** What of a rack's name may be there, goes; the caller holds the rack's lock. */
async function makeWay(
  layout: RackLayout,
  plan: RackPlan,
  onProgress: (detail: string) => void,
): Promise<RackLayout> {
  refuseRunning(layout);
  if (await removeRack(layout)) onProgress('removed what a crash had left of this rack');
  // Looked at again: what was left may have had its pool in another place.
  const fresh = rackLayout(layout.name);
  checkSpace(plan.poolSize, BigInt(plan.bricks) * plan.memory, dirname(fresh.shmDir));
  return fresh;
}

function refuseRunning(layout: RackLayout): void {
  const running = runningBricks(layout);
  if (running.length === 0) return;
  const name = layout.name;
  throw new SdmError(
    'SDM_RACK_RUNNING',
    `rack ${name} is up (bricks that run: ${running.join(', ')}): use it as it is, bring it down ` +
      `with "${sdmCommand()} rack down --name ${name}", or take another name with --name`,
    { details: { rack: name, running } },
  );
}

/**
 * Gives a rack that was brought up before, by whatever process.
 * @throws SdmError SDM_NOT_FOUND, naming those there are.
 */
export function openRack(name: string = DEFAULT_RACK): Rack {
  const layout = rackLayout(name);
  const names = rackNames();
  if (!names.includes(name)) {
    const others = names.length === 0 ? 'there is none' : `there is ${names.join(', ')}`;
    throw new SdmError(
      'SDM_NOT_FOUND',
      `there is no rack ${name} (${others}); "${sdmCommand()} rack up --name ${name}" makes it`,
      { details: { rack: name, racks: names } },
    );
  }
  return new Rack(layout);
}

/** All racks of this user, sorted by name; also those that a crash left half-made. */
export function listRacks(): Rack[] {
  return rackNames().map((name) => new Rack(rackLayout(name)));
}

/**
 * Stops a rack and removes all of it. Idempotent, and right after a crash as well.
 * @returns whether there was anything to remove.
 * @throws SdmError SDM_NOT_FOUND if the rack of that name lives under another state directory.
 */
export async function rackDown(
  name: string = DEFAULT_RACK,
  options: RemoveOptions = {},
): Promise<boolean> {
  const layout = rackLayout(name);
  const lock = await lockRack(layout, 'down', DOWN_LOCK_TIMEOUT_MS);
  try {
    const found = await removeRack(layout, options);
    if (!found) refuseForeign(layout);
    return found;
  } finally {
    await lock.release();
  }
}

/** What is left on tmpfs under this name after ours is gone is in use by a rack of another place. */
function refuseForeign(layout: RackLayout): void {
  const { name, shmDir } = layout;
  const uid = lstatSync(shmDir, { throwIfNoEntry: false })?.uid;
  if (uid === undefined || uid !== process.getuid?.()) return;
  const dir = existsSync(layout.shmOwner) ? readFileSync(layout.shmOwner, 'utf8').trim() : '';
  const what =
    dir === ''
      ? `a QEMU has ${shmDir} mapped, which does not say where its rack lives: end that process`
      : `the one that has ${shmDir} lives in ${dir}: take it down with ` +
        `"SDM_STATE=${shellQuote(dirname(dirname(dir)))} ${sdmCommand()} rack down --name ${name}"`;
  throw new SdmError(
    'SDM_NOT_FOUND',
    `there is no rack ${name} in ${dirname(layout.dir)}; ${what}`,
    { details: { rack: name, dir: dir || shmDir } },
  );
}

/** One emulated rack. Bricks are counted from 1. */
export class Rack {
  readonly name: string;
  readonly layout: RackLayout;

  constructor(layout: RackLayout) {
    this.name = layout.name;
    this.layout = layout;
  }

  /** Everything of the rack lies in it, or is linked from it. */
  get dir(): string {
    return this.layout.dir;
  }

  /** The file that is the memory of all memory bricks. */
  get poolPath(): string {
    return this.layout.pool;
  }

  /** What the bricks run on. */
  get qemu(): QemuKind {
    return qemuOf(this.state());
  }

  /**
   * The register block of brick `n`.
   * @throws SdmError SDM_NOT_FOUND: a brick on a patched QEMU has it in there, and not in a file.
   */
  registersPath(n: number): string {
    this.#brick(n);
    if (this.qemu === 'stock') return this.layout.registers(n);
    throw new SdmError(
      'SDM_NOT_FOUND',
      `the registers of brick ${n} of rack ${this.name} are in its QEMU and in no file; ` +
        `"${sdmCommand()} rack monitor --name ${this.name} ${n} info sdm" shows them`,
      { details: { rack: this.name, brick: n } },
    );
  }

  /**
   * What rack.json says.
   * @throws SdmError SDM_RACK_STATE where an `up` did not get that far, or it is damaged.
   */
  state(): RackState {
    const state = readState(this.layout);
    if (state !== undefined) return state;
    throw new SdmError(
      'SDM_RACK_STATE',
      `rack ${this.name} was never made whole; "${sdmCommand()} rack down --name ${this.name}" cleans up`,
      { details: { rack: this.name } },
    );
  }

  status(): Promise<RackStatus> {
    return rackStatus(this.layout);
  }

  /**
   * Runs a command in brick `n` as root and gives its exit code and output back. A string is the
   * brick's shell's to read; of a list each element arrives as one argument.
   * @throws SdmError SDM_NOT_FOUND, SDM_RACK_BRICK, SDM_RACK_SSH, SDM_TIMEOUT.
   */
  async exec(
    n: number,
    command: string | readonly string[],
    options: ExecOptions = {},
  ): Promise<RunResult> {
    this.requireRunning(n);
    return sshExec(this.layout, n, command, options);
  }

  /** The ssh command that runs `command` in brick `n`, or its shell without one. */
  sshArgv(
    n: number,
    command: string | readonly string[] = '',
    options: readonly string[] = [],
  ): [string, ...string[]] {
    this.#brick(n);
    return sshArgv(this.layout, n, command, options);
  }

  /**
   * Takes the link of transceiver `t` of brick `n` up or down, as its other side.
   * @returns whether that changed anything.
   */
  async link(n: number, t: number, up: boolean): Promise<boolean> {
    this.#brick(n);
    const lock = await lockRack(this.layout, 'link', DOWN_LOCK_TIMEOUT_MS);
    try {
      if (this.qemu === 'stock') return await setLink(this.layout.registers(n), t, up);
      this.requireRunning(n);
      return await setDeviceLink(this.layout.brick(n), t, up);
    } finally {
      await lock.release();
    }
  }

  /**
   * Speaks QEMU's machine protocol with brick `n`. QEMU hears one at a time, and `link` and `status` need
   * it too: hold it no longer than necessary.
   * @throws SdmError SDM_NOT_FOUND, SDM_RACK_BRICK, SDM_UNREACHABLE, SDM_TIMEOUT, and what `work` throws.
   */
  async qmp<T>(n: number, work: (qmp: Qmp) => Promise<T>): Promise<T> {
    this.requireRunning(n);
    return withQmp(this.layout.brick(n), work);
  }

  /** What QEMU's monitor for people says to a command such as "info mtree"; see {@link qmp}. */
  async monitor(n: number, command: string): Promise<string> {
    return this.qmp(n, async (qmp) =>
      String(await qmp.execute('human-monitor-command', { 'command-line': command })),
    );
  }

  /**
   * Boots brick `n` again after it has ended, by itself or not. Pool, disk and registers in a file are as
   * it left them, the rest begins anew.
   * @throws SdmError SDM_NOT_FOUND, SDM_RACK_RUNNING if it runs, SDM_RACK_QEMU, SDM_RACK_BOOT.
   */
  async boot(n: number, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    this.#brick(n);
    const brick = this.layout.brick(n);
    if (brickProcesses(brick).length > 0) {
      throw new SdmError('SDM_RACK_RUNNING', `brick ${n} of rack ${this.name} runs`, {
        details: { rack: this.name, brick: n },
      });
    }
    // A connection to the brick as it was.
    await sshDisconnect(this.layout, n);
    const { timeoutMs = DEFAULT_BOOT_TIMEOUT_MS, signal } = options;
    await waitReady(this.layout, brick, await startBrick(brick), timeoutMs, signal);
  }

  /** See {@link rackDown}. */
  async down(options: RemoveOptions = {}): Promise<void> {
    await rackDown(this.name, options);
  }

  /**
   * @throws SdmError SDM_NOT_FOUND if the rack has no brick `n`, SDM_RACK_BRICK if it does not run.
   */
  requireRunning(n: number): void {
    this.#brick(n);
    if (brickProcesses(this.layout.brick(n)).length > 0) return;
    throw new SdmError(
      'SDM_RACK_BRICK',
      `brick ${n} of rack ${this.name} does not run; see "${sdmCommand()} rack logs ${n} --name ${this.name}", ` +
        'and bring the rack down and up again',
      { details: { rack: this.name, brick: n } },
    );
  }

  #brick(n: number): void {
    const { bricks } = this.state();
    if (bricks.some((brick) => brick.n === n)) return;
    throw new SdmError(
      'SDM_NOT_FOUND',
      `rack ${this.name} has no brick ${n}; it has 1 to ${bricks.length}`,
      { details: { rack: this.name, brick: n } },
    );
  }
}

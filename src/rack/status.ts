import { hex } from '../common/units.js';
import { brickProcesses } from './brick.js';
import { daemonProcesses } from './control/daemon.js';
import { rackDaemons } from './control/index.js';
import type { RackLayout } from './layout.js';
import { uptimeMs } from './process.js';
import type { QemuKind } from './qemu-binary.js';
import { attachedBytes } from './registers.js';
import { deviceAttachedBytes } from './sdm-device.js';
import { qemuOf, readState, type BrickState, type RackState } from './state.js';
import { brickNumbers } from './teardown.js';

export interface BrickStatus {
  readonly n: number;
  readonly name: string;
  /** `dead`: its QEMU is gone, or was never started. */
  readonly state: 'starting' | 'running' | 'dead';
  readonly pid: number | null;
  readonly sshPort: number | null;
  readonly uptimeMs: number | null;
  /** What its memports map now, bytes as "0x…"; null if it has no registers that can be asked. */
  readonly attached: string | null;
  /** Its own part of the pool, bytes as "0x…". */
  readonly share: { readonly start: string; readonly size: string } | null;
}

/** A daemon of a rack with a controller. */
export interface DaemonStatus {
  /** "controller", "dbmc", "lender-1". */
  readonly name: string;
  readonly state: 'running' | 'dead';
  readonly pid: number | null;
  readonly address: string;
  readonly uptimeMs: number | null;
  /** Of lenders: their memory brick. */
  readonly brick: string | null;
}

export interface RackStatus {
  readonly name: string;
  /**
   * `running`: all bricks run; `degraded`: some; `dead`: none; `starting`: `up` has not seen all of
   * them ready; `broken`: rack.json is missing or damaged. "sdm rack down" ends each of them.
   */
  readonly state: 'running' | 'degraded' | 'dead' | 'starting' | 'broken';
  readonly dir: string;
  /** What its bricks run on; null where that is not known. */
  readonly qemu: QemuKind | null;
  readonly pool: { readonly path: string; readonly size: string } | null;
  readonly memory: string | null;
  readonly bricks: readonly BrickStatus[];
  /** Empty for a rack without a controller. */
  readonly daemons: readonly DaemonStatus[];
}

/**
 * What a rack is, without asking the bricks: from its files, its processes and its registers, which on
 * a patched QEMU that one is asked for.
 */
export async function rackStatus(layout: RackLayout): Promise<RackStatus> {
  let state: RackState | undefined;
  try {
    state = readState(layout);
  } catch {
    // Damaged: shown as broken, with whatever processes there are.
  }
  const numbers = state?.bricks.map(({ n }) => n) ?? brickNumbers(layout);
  const bricks = await Promise.all(numbers.map((n) => brickStatus(layout, n, state)));
  const daemons = daemonsStatus(layout, state);
  return {
    name: layout.name,
    state: state === undefined ? 'broken' : overall(state, bricks, daemons),
    dir: layout.dir,
    qemu: state === undefined ? null : qemuOf(state),
    pool: state === undefined ? null : { path: layout.pool, size: state.poolSize },
    memory: state?.memory ?? null,
    bricks,
    daemons,
  };
}

function daemonsStatus(layout: RackLayout, state: RackState | undefined): DaemonStatus[] {
  const control = state?.control;
  if (control === undefined) return [];
  const { controller, dbmc, lenders } = control;
  const addresses = [controller, dbmc, ...lenders.map(({ address }) => address)];
  return rackDaemons(layout, lenders.length).map((files, i) => {
    const process = daemonProcesses(files)[0];
    return {
      name: files.name,
      state: process === undefined ? 'dead' : 'running',
      pid: process?.pid ?? null,
      address: addresses[i] ?? '',
      uptimeMs: process === undefined ? null : Math.round(uptimeMs(process)),
      brick: lenders[i - 2]?.id ?? null,
    };
  });
}

function overall(
  state: RackState,
  bricks: readonly BrickStatus[],
  daemons: readonly DaemonStatus[],
): RackStatus['state'] {
  const alive = bricks.filter((brick) => brick.state !== 'dead').length;
  if (alive === 0) return 'dead';
  if (state.phase === 'starting') return 'starting';
  const whole = alive === bricks.length && daemons.every((each) => each.state === 'running');
  return whole ? 'running' : 'degraded';
}

async function brickStatus(
  layout: RackLayout,
  n: number,
  rack: RackState | undefined,
): Promise<BrickStatus> {
  const files = layout.brick(n);
  const process = brickProcesses(files)[0];
  const brick: BrickState | undefined = rack?.bricks.find((b) => b.n === n);
  const inQemu = rack !== undefined && qemuOf(rack) === 'patched';
  // of one that has ended nobody can be asked
  const attached = !inQemu
    ? attachedBytes(layout.registers(n))
    : process && (await deviceAttachedBytes(files));
  const own = brick?.shares.find((share) => !share.shared);
  const alive = rack?.phase === 'starting' ? 'starting' : 'running';
  return {
    n,
    name: brick?.name ?? `brick ${n}`,
    state: process === undefined ? 'dead' : alive,
    pid: process?.pid ?? null,
    sshPort: brick?.sshPort ?? null,
    uptimeMs: process === undefined ? null : Math.round(uptimeMs(process)),
    attached: attached === undefined ? null : hex(attached),
    share: own === undefined ? null : { start: own.start, size: own.size },
  };
}

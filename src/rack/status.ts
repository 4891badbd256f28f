import { hex } from '../common/units.js';
import { brickProcesses } from './brick.js';
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
  return {
    name: layout.name,
    state: state === undefined ? 'broken' : overall(state, bricks),
    dir: layout.dir,
    qemu: state === undefined ? null : qemuOf(state),
    pool: state === undefined ? null : { path: layout.pool, size: state.poolSize },
    memory: state?.memory ?? null,
    bricks,
  };
}

function overall(state: RackState, bricks: readonly BrickStatus[]): RackStatus['state'] {
  const alive = bricks.filter((brick) => brick.state !== 'dead').length;
  if (alive === 0) return 'dead';
  if (state.phase === 'starting') return 'starting';
  return alive === bricks.length ? 'running' : 'degraded';
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

import { hex } from '../common/units.js';
import { brickProcesses } from './brick.js';
import type { RackLayout } from './layout.js';
import { uptimeMs } from './process.js';
import { attachedBytes } from './registers.js';
import { readState, type BrickState, type RackState } from './state.js';
import { brickNumbers } from './teardown.js';

export interface BrickStatus {
  readonly n: number;
  readonly name: string;
  /** `dead`: its QEMU is gone, or was never started. */
  readonly state: 'starting' | 'running' | 'dead';
  readonly pid: number | null;
  readonly sshPort: number | null;
  readonly uptimeMs: number | null;
  /** What its memports map now, bytes as "0x…"; null if it has no registers. */
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
  readonly pool: { readonly path: string; readonly size: string } | null;
  readonly memory: string | null;
  readonly bricks: readonly BrickStatus[];
}

/** What a rack is, without asking the bricks: from its files, its processes and its registers. */
export function rackStatus(layout: RackLayout): RackStatus {
  let state: RackState | undefined;
  try {
    state = readState(layout);
  } catch {
    // Damaged: shown as broken, with whatever processes there are.
  }
  const numbers = state?.bricks.map(({ n }) => n) ?? brickNumbers(layout);
  const bricks = numbers.map((n) =>
    brickStatus(
      layout,
      n,
      state?.phase === 'starting',
      state?.bricks.find((b) => b.n === n),
    ),
  );
  return {
    name: layout.name,
    state: state === undefined ? 'broken' : overall(state, bricks),
    dir: layout.dir,
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

function brickStatus(
  layout: RackLayout,
  n: number,
  starting: boolean,
  state: BrickState | undefined,
): BrickStatus {
  const process = brickProcesses(layout.brick(n))[0];
  const attached = attachedBytes(layout.registers(n));
  const own = state?.shares.find((share) => !share.shared);
  return {
    n,
    name: state?.name ?? `brick ${n}`,
    state: process === undefined ? 'dead' : starting ? 'starting' : 'running',
    pid: process?.pid ?? null,
    sshPort: state?.sshPort ?? null,
    uptimeMs: process === undefined ? null : Math.round(uptimeMs(process)),
    attached: attached === undefined ? null : hex(attached),
    share: own === undefined ? null : { start: own.start, size: own.size },
  };
}

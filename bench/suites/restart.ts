import { join } from 'node:path';
import { projectDir } from '../../src/common/paths.js';
import { startDaemon } from '../../src/iaas/daemon.js';
import { makeReserved } from '../harness/reservations.js';
import { makeScratch } from '../harness/scratch.js';
import type { CaseOptions, Cases, Comparison, Suite, Workload } from '../harness/types.js';

const RESERVATIONS = 100_000;
const QUICK = 1_000;
/** What a restart may take, ms. */
const BUDGET_MS = 2_000;

const CLOSED = 'ready, after a close';
const KILLED = 'ready, after SIGKILL';
const EMPTY = 'ready, an empty store';
const BUDGET = `${BUDGET_MS / 1_000} s`;

/** From the spawn until commands are carried out: the ready line comes after all is reconciled. */
function start(name: string, config: string, end: NodeJS.Signals, signal: AbortSignal): Workload {
  const argv = [join(projectDir(), 'bin/sdm-controller'), 'serve', '--config', config] as const;
  return {
    name,
    run: async () => {
      const began = performance.now();
      const daemon = await startDaemon({ name: 'sdm-controller', argv: [...argv], signal });
      const ms = performance.now() - began;
      // What the next one finds is what this one leaves.
      await daemon.stop(end);
      return { [name]: ms };
    },
  };
}

const lower = (ours: string, theirs: string, aim?: number): Comparison => ({
  ...{ case: ours, baseline: theirs, unit: 'ms', better: 'lower' },
  ...(aim === undefined ? {} : { aim }),
});

async function cases({ signal, quick, log }: CaseOptions): Promise<Cases> {
  const scratch = makeScratch();
  try {
    const count = quick ? QUICK : RESERVATIONS;
    log(`restart: making stores with ${count} reservations`);
    const made = async (name: string, reservations: number): Promise<string> =>
      (await makeReserved(join(scratch.disk, name), reservations)).config;
    const [closed, killed, empty] = [
      await made('closed', count),
      await made('killed', count),
      await made('empty', 0),
    ];
    return {
      workloads: [
        start(CLOSED, closed, 'SIGTERM', signal),
        start(KILLED, killed, 'SIGKILL', signal),
        start(EMPTY, empty, 'SIGTERM', signal),
        { name: BUDGET, run: () => ({ [BUDGET]: BUDGET_MS }) },
      ],
      comparisons: [lower(CLOSED, BUDGET, 1), lower(KILLED, BUDGET, 1), lower(CLOSED, EMPTY)],
      close: () => scratch.remove(),
    };
  } catch (error) {
    scratch.remove();
    throw error;
  }
}

export const restart: Suite = {
  name: 'restart',
  about:
    'a controller from exec until it carries out commands, with 100,000 reservations in its store',
  rounds: 7,
  cases,
};

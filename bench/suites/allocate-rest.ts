import { join } from 'node:path';
import { FLASK, type Server } from '../harness/agents.js';
import { measureAll } from '../harness/commands.js';
import { compile } from '../harness/compile.js';
import { CONTROLLER, flaskController, ourController, SEGMENT_MIB } from '../harness/controllers.js';
import { makeScratch } from '../harness/scratch.js';
import { startServer, type RunningServer } from '../harness/server.js';
import type { CaseOptions, Cases, Comparison, Suite, Workload } from '../harness/types.js';

const SECONDS = 2;
const QUICK_SECONDS = 0.2;
/** Before the first round: a server that is asked all day has compiled what it does. */
const WARM_SECONDS = 15;
const MANY = 64;
const AIM = 10;
/** Percent of the path. */
const PATH_UTIL = 1;

interface Load {
  readonly of: string;
  readonly connections: number;
  readonly connection: 'keep' | 'close';
}

const ONE: Load = { of: CONTROLLER, connections: 1, connection: 'keep' };
const ALL: Load = { of: CONTROLLER, connections: MANY, connection: 'keep' };
/** A plain gunicorn ends every connection with the answer. */
const FLASK_ONE: Load = { of: FLASK, connections: 1, connection: 'close' };
const FLASK_ALL: Load = { of: FLASK, connections: MANY, connection: 'close' };

const series = ({ of, connections }: Load): string =>
  `${of}, ${connections} ${connections === 1 ? 'client' : 'clients'}`;
const waiting = (load: Load): string => `${series(load)}: one allocateMemory, p95`;

function allocateAndFree(
  program: string,
  { socket }: Server,
  load: Load,
  seconds: number,
  signal: AbortSignal,
): Workload {
  const { connections, connection } = load;
  const argv = [connections, seconds, SEGMENT_MIB, PATH_UTIL, connection].map(String);
  return {
    name: series(load),
    run: async () => {
      const names = ['pairs', 'p95'] as const;
      const { pairs, p95 } = await measureAll([program, socket, ...argv], names, { signal });
      return { [series(load)]: pairs, [waiting(load)]: p95 };
    },
  };
}

const compared = (ours: Load, theirs: Load, aim?: number): Comparison[] => [
  {
    ...{ case: series(ours), baseline: series(theirs), unit: 'pairs/s', better: 'higher' as const },
    ...(aim === undefined ? {} : { aim }),
  },
  { case: waiting(ours), baseline: waiting(theirs), unit: 'ms', better: 'lower' },
];

async function cases({ quick, log, signal }: CaseOptions): Promise<Cases> {
  const scratch = makeScratch();
  const running: RunningServer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(running.map((server) => server.stop()));
    scratch.remove();
  };
  try {
    const program = join(scratch.programs, 'allocate_load');
    await compile(program, ['bench/native/allocate_load.c'], signal);
    const servers = [ourController(scratch), await flaskController(scratch, signal)];
    for (const server of servers) running.push(await startServer(server, signal));
    const seconds = quick ? QUICK_SECONDS : SECONDS;
    const workloads = [ONE, ALL, FLASK_ONE, FLASK_ALL].map((load) => {
      const server = servers.find(({ name }) => name === load.of)!;
      return allocateAndFree(program, server, load, seconds, signal);
    });
    if (!quick) {
      for (const load of [ALL, FLASK_ALL]) {
        const server = servers.find(({ name }) => name === load.of)!;
        log(`allocate-rest: warming ${load.of} up`);
        await allocateAndFree(program, server, load, WARM_SECONDS, signal).run();
      }
    }
    const comparisons = [...compared(ONE, FLASK_ONE), ...compared(ALL, FLASK_ALL, AIM)];
    return { workloads, comparisons, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export const allocateRest: Suite = {
  name: 'allocate-rest',
  about: 'durable allocateMemory and freeMemory over HTTP, from 1 and from 64 clients',
  emulated: 'of the rack there is only its topology: nothing is wired or programmed',
  rounds: 9,
  cases,
};

import { join } from 'node:path';
import { FLASK, flaskAgent, ourAgent, OURS, SEGMENT, type Server } from '../harness/agents.js';
import { measureAll } from '../harness/commands.js';
import { compile } from '../harness/compile.js';
import { makeScratch } from '../harness/scratch.js';
import { startServer, type RunningServer } from '../harness/server.js';
import type { CaseOptions, Cases, Comparison, Suite, Workload } from '../harness/types.js';

const SECONDS = 2;
const QUICK_SECONDS = 0.2;
const MANY = 64;
const AIM = 8;

interface Load {
  readonly series: string;
  readonly connections: number;
  readonly connection: 'keep' | 'close';
  readonly bytes: 'retain' | 'scrub';
}

const load = (
  name: string,
  connections: number,
  connection: Load['connection'],
  bytes: Load['bytes'] = 'retain',
): Load => ({
  series: `${name}, ${connections} ${connection === 'keep' ? 'kept' : 'at a time'}${bytes === 'scrub' ? ', scrubbed' : ''}`,
  connections,
  connection,
  bytes,
});

const ONE = load(OURS, 1, 'keep');
const ALL = load(OURS, MANY, 'keep');
const ONE_EACH = load(OURS, 1, 'close');
const ALL_EACH = load(OURS, MANY, 'close');
const SCRUBBED = load(OURS, MANY, 'keep', 'scrub');
/** Its own server ends every connection with the answer, whatever is asked. */
const FLASK_ONE = load(FLASK, 1, 'close');
const FLASK_ALL = load(FLASK, MANY, 'close');

function attachAndDetach(
  program: string,
  { socket }: Server,
  { series, connections, connection, bytes }: Load,
  seconds: number,
  signal: AbortSignal,
): Workload {
  const argv = [String(connections), String(seconds), SEGMENT, connection, bytes];
  return {
    name: series,
    run: async () => {
      const { pairs } = await measureAll([program, socket, ...argv], ['pairs'], { signal });
      return { [series]: pairs };
    },
  };
}

const higher = (ours: Load, theirs: Load, aim?: number): Comparison => ({
  case: ours.series,
  baseline: theirs.series,
  unit: 'pairs/s',
  better: 'higher',
  ...(aim === undefined ? {} : { aim }),
});

const COMPARISONS = [
  higher(ONE, FLASK_ONE),
  higher(ALL, FLASK_ALL, AIM),
  higher(ONE_EACH, FLASK_ONE),
  higher(ALL_EACH, FLASK_ALL),
  higher(SCRUBBED, FLASK_ALL),
];

async function cases({ quick, signal }: CaseOptions): Promise<Cases> {
  const scratch = makeScratch();
  const running: RunningServer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(running.map((server) => server.stop()));
    scratch.remove();
  };
  try {
    const program = join(scratch.programs, 'rest_load');
    await compile(program, ['bench/native/rest_load.c'], signal);
    const [ours, flask] = [await ourAgent(scratch, signal), await flaskAgent(scratch, signal)];
    for (const server of [ours, flask]) running.push(await startServer(server, signal));
    const seconds = quick ? QUICK_SECONDS : SECONDS;
    const workloads = [
      ...[ONE, ALL, ONE_EACH, ALL_EACH, SCRUBBED].map((each) => [ours, each] as const),
      ...[FLASK_ONE, FLASK_ALL].map((each) => [flask, each] as const),
    ].map(([server, each]) => attachAndDetach(program, server, each, seconds, signal));
    return { workloads, comparisons: COMPARISONS, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export const rest: Suite = {
  name: 'rest',
  about: 'attaching and detaching 2 MiB in mode device over HTTP, from 1 and from 64 clients',
  emulated: 'registers are a file; the pool is tmpfs of this machine',
  rounds: 9,
  cases,
};

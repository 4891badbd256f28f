import { join } from 'node:path';
import {
  FLASK,
  flaskAgent,
  fromModules,
  LIST,
  ourAgent,
  OURS,
  type Server,
} from '../harness/agents.js';
import { measureAll } from '../harness/commands.js';
import { compile } from '../harness/compile.js';
import { makeScratch } from '../harness/scratch.js';
import { startServer } from '../harness/server.js';
import type { CaseOptions, Cases, Comparison, Suite, Workload } from '../harness/types.js';

const MODULES = 'sdm-agent, not bundled';
/** Flask's start takes 1 / 0.65 of ours. */
const AIM = 1.54;

const listening = (name: string): string => `${name}: listening`;
const answered = (name: string): string => `${name}: first answer`;
const command = (name: string): string => `${name}: list`;

/** Starts a server, sees it listen and answer, and ends it. */
function start(
  program: string,
  { name, argv, env, socket }: Server,
  signal: AbortSignal,
): Workload {
  return {
    name,
    run: async () => {
      const { listening: up, answered: first } = await measureAll(
        [program, socket, LIST, ...argv],
        ['listening', 'answered'],
        { signal, env },
      );
      return { [listening(name)]: up, [answered(name)]: first };
    },
  };
}

/** A command of the shell, asked of an agent that runs. */
function list(program: string, { name, argv, env, socket }: Server, signal: AbortSignal): Workload {
  const serve = argv.indexOf('serve');
  const asked: [string, ...string[]] = [
    argv[0],
    ...argv.slice(1, serve),
    'list',
    '--socket',
    socket,
  ];
  return {
    name: command(name),
    run: async () => {
      const { ms } = await measureAll([program, ...asked], ['ms'], { signal, env });
      return { [command(name)]: ms };
    },
  };
}

const lower = (ours: string, theirs: string, aim?: number): Comparison => ({
  case: ours,
  baseline: theirs,
  unit: 'ms',
  better: 'lower',
  ...(aim === undefined ? {} : { aim }),
});

const COMPARISONS = [
  lower(listening(OURS), listening(FLASK), AIM),
  lower(answered(OURS), answered(FLASK)),
  lower(listening(OURS), listening(MODULES)),
  lower(command(OURS), command(MODULES)),
];

async function cases({ signal }: CaseOptions): Promise<Cases> {
  const scratch = makeScratch();
  try {
    const [startTime, runTime] = ['start_time', 'run_time'].map((name) =>
      join(scratch.programs, name),
    ) as [string, string];
    await compile(startTime, ['bench/native/start_time.c'], signal);
    await compile(runTime, ['bench/native/run_time.c'], signal);
    const ours = await ourAgent(scratch, signal);
    const modules = { ...fromModules(ours), name: MODULES };
    const flask = await flaskAgent(scratch, signal);
    // One that stays, for commands to ask: on registers, a socket and a journal of its own.
    const asked = await ourAgent(scratch, signal, 'asked');
    const running = await startServer(asked, signal);
    return {
      workloads: [
        ...[ours, modules, flask].map((server) => start(startTime, server, signal)),
        ...[asked, { ...fromModules(asked), name: MODULES }].map((server) =>
          list(runTime, server, signal),
        ),
      ],
      comparisons: COMPARISONS,
      close: async () => {
        await running.stop();
        scratch.remove();
      },
    };
  } catch (error) {
    scratch.remove();
    throw error;
  }
}

export const startup: Suite = {
  name: 'startup',
  about: 'an agent from exec until it listens and has answered, and a command that asks it',
  rounds: 21,
  cases,
};

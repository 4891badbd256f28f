import type { Command } from 'commander';

/** Commands of this package, as trees that can be looked at. */
export const PROGRAMS: Readonly<Record<string, () => Promise<Command>>> = {
  sdm: async () => (await import('./program.js')).sdmProgram(),
  'sdm-agent': async () => (await import('./agent/main.js')).agentProgram(),
  'sdm-controller': async () => (await import('./controller-program.js')).controllerProgram(),
  'sdm-dbmc': async () => (await import('./dbmc-program.js')).dbmcProgram(),
};

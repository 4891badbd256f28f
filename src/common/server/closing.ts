/** How a daemon ends. */
import type { Server } from 'node:http';
import type { Logger } from '../log.js';
import type { Api } from './api.js';

/** For the last answers to reach their clients. */
const FLUSH_MS = 1_000;

/** Resolves with the first SIGTERM or SIGINT; the second one ends the process. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first = true;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (!first) process.exit(1);
      first = false;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

/**
 * Takes no new command, lets those that run finish, and closes.
 * @param work ends what answers wait for.
 * @param deadlineMs after it the process ends with 1.
 * @returns the exit code.
 */
export async function drainThenClose(
  api: Api,
  work: () => Promise<void>,
  deadlineMs: number,
  log: Logger,
): Promise<number> {
  api.drain();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), deadlineMs);
  });
  const result = await Promise.race([closeWith(api, work), late]);
  clearTimeout(timer);
  if (result === 'late') {
    log.error({ deadlineMs }, 'a command did not end in time; what it did is left as it is');
    process.exit(1);
  }
  log.info('stopped');
  return 0;
}

/** Closing waits for answers, and those wait for the work: both at once. */
export async function closeWith(api: Api, work: () => Promise<void>): Promise<void> {
  const closed = api.close();
  await work();
  // Every command has its answer now. Who has not read it soon, or lies there without a word (which
  // node does not count as idle), must not keep the daemon from ending.
  const timer = setTimeout(() => api.closeAllConnections(), FLUSH_MS);
  await closed;
  clearTimeout(timer);
}

/** Takes no new connection, and resolves when those that there are have ended after their answers. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) return resolve();
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

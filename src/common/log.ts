import { pino, type Logger } from 'pino';
import type { LogLevel } from './log-levels.js';

export type { Logger } from 'pino';

/**
 * The log of a daemon: JSON lines on stderr, since stdout is for answers. Written synchronously and
 * with no worker thread, so that the line before a crash is there and the daemon bundles to one file.
 * @param name of the daemon; parts of it log under `log.child({ part: '…' })`.
 */
export function createLog(name: string, level: LogLevel): Logger {
  return pino(
    {
      name,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

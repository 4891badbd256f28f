import { pino, type DestinationStream, type Logger } from 'pino';
import { hex } from '../abi/numbers.js';
import { readByJournal, toSyslog } from './syslog.js';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * The log of a daemon: JSON lines on stderr, since stdout is for answers; lines with a priority where
 * systemd's journal reads it. Written synchronously and with no worker thread, so that the line before
 * a crash is there and the daemon bundles to one file.
 * @param name of the daemon; parts of it log under `log.child({ part: '…' })`.
 */
export function createLog(name: string, level: LogLevel): Logger {
  return pino(
    {
      name,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: readable },
    },
    destination(),
  );
}

function destination(): DestinationStream {
  const stderr = pino.destination({ fd: 2, sync: true });
  return readByJournal(2) ? { write: (line) => stderr.write(toSyslog(line)) } : stderr;
}

/** Addresses and sizes in a log look as they do in the API. */
function readable(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      typeof value === 'bigint' ? hex(value) : value,
    ]),
  );
}

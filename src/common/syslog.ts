import { fstatSync } from 'node:fs';

/** Of syslog(3), by the names of our levels. */
const PRIORITIES: Readonly<Record<string, number>> = {
  fatal: 2,
  error: 3,
  warn: 4,
  info: 6,
  debug: 7,
  trace: 7,
};
/** What systemd's journal adds to every entry by itself. */
const KNOWN = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'part', 'err']);

/** Whether systemd's journal reads what is written to a file descriptor. */
export function readByJournal(
  fd: number,
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  const named = env['JOURNAL_STREAM'];
  if (named === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return named === `${dev}:${ino}`;
  } catch {
    return false; // closed
  }
}

interface Entry {
  readonly level?: string;
  readonly msg?: string;
  readonly part?: string;
  readonly err?: { readonly message?: string; readonly code?: string; readonly stack?: string };
  readonly [field: string]: unknown;
}

/**
 * A line of our JSON log as systemd's journal takes it: with its priority in front (sd-daemon(3)), for
 * people to read and for `journalctl -p warning` to choose. An error without a code of ours, which is a
 * defect, keeps its stack.
 */
export function toSyslog(json: string): string {
  let entry: Entry;
  try {
    entry = JSON.parse(json) as Entry;
  } catch {
    return json; // not of our log
  }
  const { level = 'info', msg = '', part, err } = entry;
  const prefix = `<${PRIORITIES[level] ?? 6}>`;
  const about = err?.message === undefined || msg.includes(err.message) ? [] : [err.message];
  const fields = Object.entries(entry)
    .filter(([name]) => !KNOWN.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const code = err?.code === undefined ? [] : [`(${err.code})`];
  const head = [...(part === undefined ? [] : [`${part}:`]), msg, ...about, ...code, ...fields];
  const stack = err !== undefined && err.code === undefined ? (err.stack ?? '').split('\n') : [];
  return [head.join(' '), ...stack]
    .flatMap((text) => text.split('\n'))
    .map((line) => `${prefix}${line}\n`)
    .join('');
}

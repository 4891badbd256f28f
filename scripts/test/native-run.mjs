// Running the programs that test the addon.
import { spawnSync } from 'node:child_process';
import { Failure } from '../lib/failure.mjs';

const TIMEOUT_MS = 20 * 60_000;

/** Runs a program to its end, or to a deadline, and keeps what it wrote. */
export function start(command, args, env = {}) {
  return spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    timeout: TIMEOUT_MS,
    env: { ...process.env, UBSAN_OPTIONS: 'print_stacktrace=1', ...env },
  });
}

export const output = (result) =>
  `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`;

/** The same for one that must succeed. @throws Failure with all it wrote, and `advice`. */
export function run(command, args, advice) {
  const result = start(command, args);
  if (result.status === 0) return output(result);
  const why = `exit code ${result.status ?? result.signal}`;
  throw new Failure(`${output(result)}\n${[command, ...args].join(' ')} failed: ${why}\n${advice}`);
}

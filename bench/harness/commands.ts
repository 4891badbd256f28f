import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** No measurement of one round takes longer; past it the command is killed. */
const DEADLINE_MS = 120_000;

/**
 * Runs a command that prints one JSON object of numbers.
 * @throws Error with what the command said, if it fails or prints anything else.
 */
export async function measureCommand(
  file: string,
  args: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  const { stdout } = await run(file, [...args], { timeout: DEADLINE_MS });
  const parsed: unknown = JSON.parse(stdout);
  if (typeof parsed !== 'object' || parsed === null) {
    throw new Error(`${file} printed ${stdout.trim()}; expected a JSON object`);
  }
  for (const [name, value] of Object.entries(parsed)) {
    if (typeof value !== 'number') {
      throw new Error(`${file} printed ${String(value)} for "${name}"; expected a number`);
    }
  }
  return parsed as Record<string, number>;
}

/** One number of what a command printed. @throws Error as measureCommand, or if it is missing. */
export async function measureOne(
  file: string,
  args: readonly string[],
  name: string,
): Promise<number> {
  const value = (await measureCommand(file, args))[name];
  if (value === undefined) throw new Error(`${file} did not print "${name}"`);
  return value;
}

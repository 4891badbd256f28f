import { SdmError } from '../../src/common/errors.js';
import { run } from '../../src/common/exec.js';

/** Runs a command that measures itself, and gives what it printed to be read as JSON. */
function parse(command: string, stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch (cause) {
    throw new SdmError('SDM_BENCH', `${command} printed "${stdout.trim()}"; expected JSON`, {
      cause,
    });
  }
}

/**
 * Runs a command that prints a JSON object and gives the number `name` of it.
 * @throws SDM_COMMAND or SDM_TIMEOUT if it fails, SDM_BENCH if it does not print that number.
 */
export async function measureOne(
  argv: readonly [string, ...string[]],
  name: string,
  signal?: AbortSignal,
): Promise<number> {
  const { stdout } = await run(argv, { signal });
  const parsed = parse(argv[0], stdout);
  const value =
    typeof parsed === 'object' && parsed !== null
      ? (parsed as Record<string, unknown>)[name]
      : undefined;
  if (typeof value === 'number') return value;
  throw new SdmError(
    'SDM_BENCH',
    `${argv[0]} printed ${stdout.trim()}; expected an object with a number "${name}"`,
  );
}

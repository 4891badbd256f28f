import { SdmError } from '../../src/common/errors.js';
import { run, type RunOptions } from '../../src/common/exec.js';

/** What a command that measures itself printed, read as JSON. */
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
 * The numbers `names` of a JSON object that a command printed.
 * @throws SDM_BENCH if it did not print these numbers.
 */
export function numbersOf<const N extends string>(
  command: string,
  stdout: string,
  names: readonly N[],
): Record<N, number> {
  const parsed = parse(command, stdout);
  const values = (typeof parsed === 'object' ? parsed : null) as Record<string, unknown> | null;
  const numbers = names.map((name) => {
    const value = values?.[name];
    if (typeof value === 'number') return [name, value] as const;
    throw new SdmError(
      'SDM_BENCH',
      `${command} printed ${stdout.trim()}; expected an object with a number "${name}"`,
    );
  });
  return Object.fromEntries(numbers) as Record<N, number>;
}

/**
 * Runs a command that prints a JSON object and gives the numbers `names` of it.
 * @throws SDM_COMMAND or SDM_TIMEOUT if it fails, SDM_BENCH if it does not print these numbers.
 */
export async function measureAll<const N extends string>(
  argv: readonly [string, ...string[]],
  names: readonly N[],
  options: Pick<RunOptions, 'signal' | 'env'> = {},
): Promise<Record<N, number>> {
  const { stdout } = await run(argv, options);
  return numbersOf(argv[0], stdout, names);
}

/** The same for one number. */
export async function measureOne(
  argv: readonly [string, ...string[]],
  name: string,
  signal?: AbortSignal,
): Promise<number> {
  return (await measureAll(argv, [name], { signal }))[name]!;
}

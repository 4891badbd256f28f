import { existsSync, realpathSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join, relative } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The command `sdm` as the user can type it where this runs, for hints: `sdm` where it was found on
 * the PATH, the script's path where it was run by that, and else `npx sdm`, which does it in a
 * checkout and in a project that depends on this one.
 */
export function sdmCommand(
  env: Environment = process.env,
  script: string = process.argv[1] ?? '',
  cwd: string = process.cwd(),
): string {
  // npm, npx and all that they run have these; they also put the project's own sdm on the PATH.
  if (env['npm_command'] !== undefined || env['npm_execpath'] !== undefined) return 'npx sdm';
  if (basename(script) !== 'sdm') return 'npx sdm';
  if (onPath(env['PATH'] ?? '', script)) return 'sdm';
  const path = relative(cwd, script);
  const shown = path.startsWith('..') || isAbsolute(path) ? script : path;
  return shown.includes('/') ? shown : `./${shown}`;
}

/** Whether a shell that is told "sdm" runs this script. */
function onPath(path: string, script: string): boolean {
  const found = path
    .split(delimiter)
    .filter((dir) => isAbsolute(dir))
    .map((dir) => join(dir, 'sdm'))
    .find((file) => existsSync(file));
  return found !== undefined && existsSync(script) && realpathSync(found) === realpathSync(script);
}

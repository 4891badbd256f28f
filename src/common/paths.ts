import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where things are made that can be made again: `$ARTDIR/cache` (FAME's ARTDIR: all artifacts are
 * under it), else `$XDG_CACHE_HOME/sdm`, else `~/.cache/sdm`. Absolute. scripts/setup.mjs says the
 * same in plain JavaScript.
 */
export function cacheDir(env: Environment = process.env): string {
  if (env['ARTDIR']) return resolve(env['ARTDIR'], 'cache');
  return resolve(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'sdm');
}

/** Where running things keep their state: `$SDM_STATE`, else `$ARTDIR`, else XDG's place. Absolute. */
export function stateDir(env: Environment = process.env): string {
  if (env['SDM_STATE']) return resolve(env['SDM_STATE']);
  if (env['ARTDIR']) return resolve(env['ARTDIR']);
  return resolve(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'sdm');
}

/** FAME's log of every step, written when VERBOSE is set: `$ARTDIR/fabric_emulation.log`. */
export function verboseLogPath(env: Environment = process.env): string {
  return join(env['ARTDIR'] ? resolve(env['ARTDIR']) : cacheDir(env), 'fabric_emulation.log');
}

/** The directory of the project's package.json, whether this runs from src/ or from dist/. */
export function projectDir(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!isProject(dir)) {
    const parent = dirname(dir);
    if (parent === dir) throw new Error('no package.json of sdm above ' + import.meta.url);
    dir = parent;
  }
  return dir;
}

function isProject(dir: string): boolean {
  const file = join(dir, 'package.json');
  if (!existsSync(file)) return false;
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'name' in parsed && parsed.name === 'sdm';
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectDir } from './paths.js';

/** Of the package; read at every call. */
export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(join(projectDir(), 'package.json'), 'utf8')) as {
    version?: string;
  };
  return manifest.version ?? 'unknown';
}

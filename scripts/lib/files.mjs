// Hashes of what a product is made of, and how a directory that was made takes its place.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** All files below a directory, sorted; of a file itself; none of what is not there. */
export function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

/** Of names and contents of files and directories in `root`, and of whatever else decides. */
export function hashInputs(root, inputs, ...others) {
  const hash = createHash('sha256').update(JSON.stringify(others));
  for (const file of inputs.flatMap((input) => filesBelow(join(root, input)))) {
    hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

/**
 * Puts the directory `from` where `to` is. Another build may be at it: then one of the two stays, and
 * both are made of the same.
 */
export function replaceDirectory(from, to) {
  for (let tries = 1; ; tries += 1) {
    rmSync(to, { recursive: true, force: true });
    try {
      return renameSync(from, to);
    } catch (error) {
      if (error.code !== 'ENOTEMPTY' || tries === 10) throw error;
    }
  }
}

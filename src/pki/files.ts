import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SdmError } from '../common/errors.js';

/** For nobody but the owner: keys, and what says whom to trust. */
const MODE = 0o600;

/** Writes a file that is not there yet. @throws EEXIST. */
export function writeNew(path: string, text: string): void {
  const fd = openSync(path, 'wx', MODE);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Replaces a file: whoever reads it finds the old text or the new one. */
export function replace(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    writeNew(draft, text);
    renameSync(draft, path);
    syncDirectory(dirname(path));
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/**
 * Makes a directory that appears whole or not at all, and never in the place of another one.
 * @param fill gets a directory that has no name yet.
 * @throws SdmError SDM_CONFLICT: there is something.
 */
export async function makeWhole(
  path: string,
  fill: (draft: string) => Promise<void>,
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = mkdtempSync(join(dirname(path), `.${basename(path)}-`));
  try {
    await fill(draft);
    renameSync(draft, path);
    syncDirectory(dirname(path));
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') throw occupied(path);
    throw error;
  }
}

export function occupied(path: string): SdmError {
  return new SdmError(
    'SDM_CONFLICT',
    `${path} is there already and is not overwritten; name another directory, or move it away`,
    { details: { path } },
  );
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

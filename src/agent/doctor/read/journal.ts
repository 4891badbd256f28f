import { statSync } from 'node:fs';
import { join } from 'node:path';
import { JournalModel, type JournalState } from '../../attachments/journal.js';
import { damaged } from '../../journal/errors.js';
import type { Damage } from '../../journal/lines.js';
import { FILES, readLogFile } from '../../journal/read-file.js';

/** The journal as it lies in the state directory, read without its lock. */
export type JournalFile =
  | { readonly kind: 'none' }
  /** Not to be read: `denied` is for want of permission. */
  | { readonly kind: 'unread'; readonly why: string; readonly denied: boolean }
  | { readonly kind: 'damaged'; readonly why: string }
  | {
      readonly kind: 'whole';
      readonly path: string;
      readonly entries: number;
      readonly state: JournalState;
      /** A tail that the agent did not finish: the next one drops it. */
      readonly torn: Damage | undefined;
      /** Bytes that are kept on the disk for bad days. */
      readonly reserve: number;
    };

export async function readJournal(stateDir: string): Promise<JournalFile> {
  const path = join(stateDir, FILES.LOG);
  let bytes: Buffer | undefined;
  try {
    bytes = await readLogFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'unread', why: message, denied: code === 'EACCES' || code === 'EPERM' };
  }
  if (bytes === undefined) return { kind: 'none' };
  // With the schemas of all entries, which take their time to load.
  const { readLog } = await import('../../journal/lines.js');
  const { lines, damage } = readLog(bytes);
  if (damage !== undefined && damage.kind !== 'torn') {
    return { kind: 'damaged', why: damaged(path, damage).message };
  }
  const state = new JournalModel();
  for (const { entry } of lines) state.apply(entry);
  const reserve = sizeOf(join(stateDir, FILES.RESERVE));
  return { kind: 'whole', path, entries: lines.length, state, torn: damage, reserve };
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

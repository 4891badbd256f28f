import { join } from 'node:path';
import { SdmError } from '../../common/errors.js';
import type { FileLock } from '../../native/types.js';
import type { Journal } from '../attachments/journal.js';
import type { Log } from '../types.js';
import { ATTACHMENTS } from './attachments-kind.js';
import { damaged, inUse, unusable } from './errors.js';
import { FileJournal } from './file-journal.js';
import { isFull, type JournalFs } from './fs.js';
import type { JournalKind, Model } from './kind.js';
import { readLogOf } from './lines.js';
import { LogFile } from './log-file.js';
import { FILES } from './read-file.js';
import { Reserve } from './reserve.js';
import { Writer } from './writer.js';

export interface OpenJournalOptions {
  readonly log: Log;
  /** Default: the real one. */
  readonly fs?: JournalFs;
  /** Milliseconds, for statistics. Default: of a clock that only goes forward. */
  readonly now?: () => number;
}

/**
 * Opens the journal of an agent, and locks its directory; both are made if they are not there. A
 * tail that the agent before did not finish is cut off.
 * @throws SDM_LOCKED: another agent uses the directory. SDM_JOURNAL: it, or a file in it, cannot be
 * used. SDM_JOURNAL_CORRUPT: what was safe is damaged, or a newer agent wrote it; nothing is changed.
 */
export function openJournal(stateDir: string, options: OpenJournalOptions): Promise<Journal> {
  return openJournalOf(ATTACHMENTS, stateDir, options);
}

/** The same, for what another daemon keeps. @throws as `openJournal`. */
export async function openJournalOf<E, M extends Model<E>>(
  kind: JournalKind<E, M>,
  stateDir: string,
  { log, fs: given, now = () => performance.now() }: OpenJournalOptions,
): Promise<FileJournal<E, M>> {
  const fs = given ?? (await import('./node-fs.js')).nodeFs;
  const lock = await takeLock(fs, stateDir);
  try {
    const state = kind.model();
    const reserve = new Reserve(fs, stateDir);
    const file = await openFile(kind, fs, stateDir, state, reserve, log);
    const writer = new Writer({ kind, fs, directory: stateDir, file, reserve, state, log });
    await writer.start();
    return new FileJournal(kind, stateDir, writer, lock, now);
  } catch (error) {
    lock.close();
    throw error instanceof SdmError ? error : unusable(stateDir, error);
  }
}

async function takeLock(fs: JournalFs, directory: string): Promise<FileLock> {
  try {
    await fs.makeDirectory(directory);
    return fs.lock(join(directory, FILES.LOCK));
  } catch (error) {
    // The addon's errors are no SdmErrors, but have their codes.
    const { code } = error as { code?: unknown };
    throw code === 'SDM_LOCKED' ? inUse(directory, error as Error) : unusable(directory, error);
  }
}

/** Fills `state` with what the file holds. */
async function openFile<E, M extends Model<E>>(
  kind: JournalKind<E, M>,
  fs: JournalFs,
  directory: string,
  state: M,
  reserve: Reserve,
  log: Log,
): Promise<LogFile> {
  const path = join(directory, FILES.LOG);
  const bytes = await fs.read(path);
  let open = (): Promise<LogFile> => LogFile.create(fs, directory);
  if (bytes !== undefined) {
    const { lines, next, end, damage } = readLogOf(bytes, (text) => kind.decode(text));
    if (damage !== undefined && damage.kind !== 'torn') throw damaged(path, damage);
    if (damage !== undefined) {
      log.warn(
        { journal: path, line: damage.line, offset: end, bytes: damage.bytes },
        `the end of the journal was never finished, and is dropped: line ${damage.line} ${damage.why}`,
      );
    }
    for (const { entry } of lines) state.apply(entry);
    open = () => LogFile.reopen(fs, directory, bytes.subarray(0, end), next);
  }
  await fs.remove(join(directory, FILES.NEW));
  await reserve.find();
  try {
    return await open();
  } catch (error) {
    // Some file systems need room even to write what is there already.
    if (isFull(error) && (await reserve.give())) return open();
    throw error;
  }
}

import { createWriteStream } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SdmError } from '../../common/errors.js';

/**
 * Writes text piece by piece, no faster than it goes.
 * @param file undefined or "-": standard output.
 * @throws SdmError SDM_INPUT where the file cannot be written.
 */
export async function writePieces(
  pieces: Iterable<string> | AsyncIterable<string>,
  file: string | undefined,
): Promise<void> {
  const from = Readable.from(pieces);
  try {
    if (file !== undefined && file !== '-') return await pipeline(from, createWriteStream(file));
    await pipeline(from, standardOutput());
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // A reader that has seen enough (`| head`) is no failure.
    if (code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    if (error instanceof SdmError || file === undefined) throw error;
    throw new SdmError('SDM_INPUT', `cannot write ${file}: ${message}`, { cause: error });
  }
}

/** It stays open when all is written. */
function standardOutput(): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      process.stdout.write(chunk, (error) => done(error));
    },
  });
}

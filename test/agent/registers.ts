import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** A register of a block in a file, as the other side of it reads and writes it. */
export function readWord(path: string, offset: number): bigint {
  const fd = openSync(path, 'r');
  const word = Buffer.alloc(8);
  readSync(fd, word, 0, 8, offset);
  closeSync(fd);
  return word.readBigUInt64LE();
}

export function writeWord(path: string, offset: number, value: bigint): void {
  const fd = openSync(path, 'r+');
  const word = Buffer.alloc(8);
  word.writeBigUInt64LE(value);
  writeSync(fd, word, 0, 8, offset);
  closeSync(fd);
}

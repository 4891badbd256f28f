import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Entry of /proc/self/auxv that holds the page size. */
const AT_PAGESZ = 6n;

/** Bytes. Node has no call for it; the auxiliary vector is there without root. */
export function readPageSize(root: string = '/'): number | undefined {
  let vector: Buffer;
  try {
    vector = readFileSync(join(root, 'proc/self/auxv'));
  } catch {
    return undefined;
  }
  for (let at = 0; at + 16 <= vector.length; at += 16) {
    if (vector.readBigUInt64LE(at) === AT_PAGESZ) return Number(vector.readBigUInt64LE(at + 8));
  }
  return undefined;
}

import { formatSize } from '../../common/units.js';

/** Writes lines for people to stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Writes one JSON value for programs to stdout. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** A size that came as "0x…", for people. */
export function sizeText(bytes: string): string {
  return formatSize(BigInt(bytes));
}

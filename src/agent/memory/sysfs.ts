import { readdirSync, readFileSync } from 'node:fs';

/** Attributes are short and the kernel answers at once: synchronous reads cost less than a thread. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Names in a directory; none where it is missing. */
export function readNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** A list as the kernel prints it: "0-2,5" → [0, 1, 2, 5]. */
export function parseList(text: string): number[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first, last] = part.split('-').map(Number) as [number, number?];
      return Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i);
    });
}

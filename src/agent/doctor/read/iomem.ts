import { join } from 'node:path';
import { readText } from '../../memory/sysfs.js';

/** A range of physical addresses that someone in the kernel holds. `end` is inclusive. */
export interface Held {
  readonly start: bigint;
  readonly end: bigint;
  readonly name: string;
}

/**
 * What is held within a BAR: lines of /proc/iomem below that of the device itself. undefined where
 * addresses are hidden from this user, or the device has no line.
 */
export function heldWithin(
  root: string,
  bar: { readonly start: bigint; readonly size: bigint },
  pci: string,
): Held[] | undefined {
  const end = bar.start + bar.size - 1n;
  const lines = parse(readText(join(root, 'proc/iomem')) ?? '');
  const own = lines.findIndex(
    (line) => line.start === bar.start && line.end === end && line.name === pci,
  );
  if (own < 0) return undefined;
  const depth = lines[own]?.depth ?? 0;
  const after = lines.slice(own + 1);
  const stop = after.findIndex((line) => line.depth <= depth);
  return (stop < 0 ? after : after.slice(0, stop)).map(({ start, end, name }) => ({
    start,
    end,
    name,
  }));
}

function parse(text: string): (Held & { readonly depth: number })[] {
  return text.split('\n').flatMap((line) => {
    // "    8000000000-80ffffffff : 0000:00:03.0", two blanks a level
    const match = /^( *)([0-9a-f]+)-([0-9a-f]+) : (.*)$/.exec(line);
    if (match === null) return [];
    const [, blanks = '', start, end, name = ''] = match;
    return [
      { depth: blanks.length / 2, start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), name },
    ];
  });
}

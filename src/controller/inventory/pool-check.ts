/** Whether memory bricks lend different bytes. */
import { parseSize } from '../../common/units.js';
import { bricksOf } from './ends.js';
import type { Fault } from './fault.js';
import { DEFAULT_SEGMENT_SIZE, type Topology } from './topology-schema.js';

interface Span {
  readonly brick: string;
  readonly path: readonly (string | number)[];
  readonly start: bigint;
  readonly end: bigint;
}

/** Bricks that give a `base` are parts of one pool, or of the one that they name. */
export function* poolFaults(topology: Topology): Generator<Fault> {
  const size = sizeOf(topology.segmentSize);
  if (size === undefined) return; // said elsewhere
  const pools = new Map<string, Span[]>();
  for (const { entry, id, path } of bricksOf(topology)) {
    if (entry.type !== 'memory') continue;
    const start = BigInt(entry.base ?? 0);
    const end = start + BigInt(entry.segments) * size;
    if (end > 1n << 64n) {
      const expected = `segments of 0x${size.toString(16)} that end within 64 bits`;
      yield { path: [...path, 'segments'], expected, found: entry.segments };
    }
    if (entry.base === undefined) {
      if (entry.pool === undefined) continue;
      const expected = 'a base, since it is a part of a pool';
      yield { path: [...path, 'base'], at: 'parent', expected, found: undefined };
      continue;
    }
    const pool = pools.get(entry.pool ?? '') ?? [];
    pool.push({ brick: id, path, start, end });
    pools.set(entry.pool ?? '', pool);
  }
  for (const spans of pools.values()) yield* overlaps(spans);
}

function* overlaps(spans: Span[]): Generator<Fault> {
  spans.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  let before: Span | undefined;
  for (const span of spans) {
    if (before !== undefined && span.start < before.end) {
      const expected =
        `a base whose segments do not overlap those of ${before.brick} in the same pool ` +
        `(0x${before.start.toString(16)} to 0x${(before.end - 1n).toString(16)})`;
      yield { path: [...span.path, 'base'], expected, found: `0x${span.start.toString(16)}` };
    }
    if (before === undefined || span.end > before.end) before = span;
  }
}

function sizeOf(text: string | undefined): bigint | undefined {
  if (text === undefined) return DEFAULT_SEGMENT_SIZE;
  try {
    return parseSize(text);
  } catch {
    return undefined;
  }
}

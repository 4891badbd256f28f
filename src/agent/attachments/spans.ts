import { hex } from '../../abi/codec.js';
import type { Pool } from '../backend/types.js';

/** [start, end) in bytes: half open, so that lengths and neighbours need no ±1. */
export interface Span {
  readonly start: bigint;
  readonly end: bigint;
  /** That leads there, where the range is one in use. */
  readonly memport?: number;
  /** Where it is a controller's. */
  readonly controller?: boolean | undefined;
  /** Network id that it goes over, of a remote one. */
  readonly outId?: bigint | undefined;
}

export function alignUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit;
}

export function overlaps(a: Span, b: Span): boolean {
  return a.start < b.end && b.start < a.end;
}

/**
 * Whether remote ranges are of different memory whatever their addresses: on a network each memory brick
 * counts its own, and a controller says by the network id which one it means. In a pool on this machine
 * an address is the same byte for all.
 * @param pool this brick's.
 */
export function areApart(
  pool: Pool['kind'] | undefined,
  a: Pick<Span, 'controller' | 'outId'>,
  b: Pick<Span, 'controller' | 'outId'>,
): boolean {
  if (pool !== 'remote' || a.controller !== true || b.controller !== true) return false;
  return a.outId !== undefined && b.outId !== undefined && a.outId !== b.outId;
}

export function within(inner: Span, outer: Span): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

/** As people read it, the last address included. */
export function spanText({ start, end }: Span): string {
  return `${hex(start)}-${hex(end - 1n)}`;
}

function compare(a: Span, b: Span): number {
  return a.start < b.start ? -1 : a.start > b.start ? 1 : 0;
}

/** By their starts: the same list where they are in order already, as those in use mostly are. */
export function inOrder(spans: readonly Span[]): readonly Span[] {
  for (let i = 1; i < spans.length; i++) {
    if (compare(spans[i - 1]!, spans[i]!) > 0) return [...spans].sort(compare);
  }
  return spans;
}

/** Puts a span into a list that is in order. */
export function insert(spans: Span[], span: Span): void {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (spans[middle]!.start <= span.start) low = middle + 1;
    else high = middle;
  }
  spans.splice(low, 0, span);
}

/**
 * First multiple of `unit` (counted from -`shift`) at which `size` bytes fit into `into`.
 * @param taken what is in use.
 * @param above the same, at addresses that are `shift` higher.
 */
export function firstFit(
  into: Span,
  size: bigint,
  unit: bigint,
  taken: readonly Span[],
  shift = 0n,
  above: readonly Span[] = [],
): bigint | undefined {
  const lists = [
    { spans: inOrder(taken), by: 0n, next: 0 },
    { spans: inOrder(above), by: shift, next: 0 },
  ];
  let at = alignUp(into.start + shift, unit) - shift;
  for (let moved = true; moved;) {
    moved = false;
    for (const list of lists) {
      // all before `next` end at `at` or before
      for (let end = at + size + list.by; list.next < list.spans.length; list.next++) {
        const span = list.spans[list.next]!;
        if (span.start >= end) break;
        if (span.end - list.by <= at) continue;
        at = alignUp(span.end - list.by + shift, unit) - shift;
        end = at + size + list.by;
        moved = true;
      }
    }
  }
  return at + size <= into.end ? at : undefined;
}

/** The parts of `span` that lie in none of `taken`, in order; none of them is empty. */
export function subtract(span: Span, taken: readonly Span[]): Span[] {
  const parts: Span[] = [];
  let { start } = span;
  for (const other of inOrder(taken.filter((candidate) => overlaps(candidate, span)))) {
    if (start < other.start) parts.push({ start, end: other.start });
    if (other.end > start) start = other.end;
  }
  if (start < span.end) parts.push({ start, end: span.end });
  return parts;
}

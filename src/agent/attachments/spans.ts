import { hex } from '../../abi/codec.js';

/** [start, end) in bytes: half open, so that lengths and neighbours need no ±1. */
export interface Span {
  readonly start: bigint;
  readonly end: bigint;
  /** That leads there, where the range is one in use. */
  readonly memport?: number;
}

export function alignUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit;
}

export function overlaps(a: Span, b: Span): boolean {
  return a.start < b.end && b.start < a.end;
}

export function within(inner: Span, outer: Span): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

/** As people read it, the last address included. */
export function spanText({ start, end }: Span): string {
  return `${hex(start)}-${hex(end - 1n)}`;
}

export function inOrder(spans: readonly Span[]): Span[] {
  return [...spans].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}

/** First multiple of `unit` (counted from -`shift`) at which `size` bytes fit into `into`. */
export function firstFit(
  into: Span,
  size: bigint,
  unit: bigint,
  taken: readonly Span[],
  shift = 0n,
): bigint | undefined {
  let at = alignUp(into.start + shift, unit) - shift;
  for (const span of inOrder(taken.filter((other) => overlaps(other, into)))) {
    if (at + size <= span.start) break;
    if (span.end > at) at = alignUp(span.end + shift, unit) - shift;
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

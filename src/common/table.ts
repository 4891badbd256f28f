export interface Column {
  readonly title: string;
  /** Numbers read best when their ends line up. Default left. */
  readonly align?: 'left' | 'right';
}

/**
 * Lays rows out in columns for people, two spaces between them, no trailing blanks.
 * Programs get JSON; nothing should ever parse this.
 * @returns lines with no newline at the end; just the head if there are no rows.
 */
export function formatTable(
  columns: readonly (Column | string)[],
  rows: readonly (readonly string[])[],
): string {
  const heads = columns.map((column) => (typeof column === 'string' ? { title: column } : column));
  const widths = heads.map((head, i) =>
    Math.max(head.title.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    heads
      .map((head, i) => {
        const cell = cells[i] ?? '';
        const width = widths[i] ?? 0;
        return head.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(heads.map((head) => head.title)), ...rows.map(line)].join('\n');
}

/** Lays out `name  value` pairs, names padded to one width. */
export function formatPairs(pairs: readonly (readonly [string, string])[], indent = ''): string {
  const width = Math.max(0, ...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => `${indent}${name.padEnd(width)}  ${value}`.trimEnd())
    .join('\n');
}

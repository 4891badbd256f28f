import type { Suite } from './types.js';
import type { SuiteResults } from './run.js';

/** Four significant digits at most, with separators: nobody reads more from a median. */
export function formatValue(value: number): string {
  const digits = Math.max(0, Math.min(6, 3 - Math.floor(Math.log10(value))));
  return Number(value.toPrecision(4)).toLocaleString('en-US', { maximumFractionDigits: digits });
}

/** Columns padded to their widest cell; those in `right` are aligned to the right. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  right: ReadonlySet<number>,
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  }
  const pad = (cell: string, i: number): string =>
    right.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!);
  return rows.map((row) => row.map(pad).join('  ').trimEnd());
}

/** The results of a suite as a table for people. */
export function formatSuite(suite: Suite, { results, aims }: SuiteResults): string {
  const head = ['case', 'ours', 'baseline', 'theirs', 'unit', 'speedup', 'aim'];
  const rows = results.map((result, i) => {
    const aim = aims[i];
    return [
      result.case,
      formatValue(result.value),
      result.baseline,
      formatValue(result.baselineValue),
      result.unit,
      formatValue(result.speedup),
      aim === undefined ? '' : `${aim}${result.speedup < aim ? ' (missed)' : ''}`,
    ];
  });
  const rounds = results[0]?.rounds ?? 0;
  const emulated = suite.emulated === undefined ? '' : `\nemulated: ${suite.emulated}`;
  const title = `${suite.name}: ${suite.about}; medians of ${rounds} interleaved rounds${emulated}`;
  return [title, ...alignColumns([head, ...rows], new Set([1, 3, 5]))].join('\n');
}

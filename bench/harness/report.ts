import { formatTable, type Column } from '../../src/common/table.js';
import type { Suite } from './types.js';
import type { SuiteResults } from './run.js';

/** Four significant digits at most, with separators: nobody reads more from a median. */
export function formatValue(value: number): string {
  const digits = Math.max(0, Math.min(6, 3 - Math.floor(Math.log10(value))));
  return Number(value.toPrecision(4)).toLocaleString('en-US', { maximumFractionDigits: digits });
}

const right = (title: string): Column => ({ title, align: 'right' });
const COLUMNS: readonly (Column | string)[] = [
  'case',
  right('ours'),
  'baseline',
  right('theirs'),
  'unit',
  right('speedup'),
  'aim',
];

/** The results of a suite as a table for people. */
export function formatSuite(suite: Suite, { results, aims }: SuiteResults): string {
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
  return `${title}\n${formatTable(COLUMNS, rows)}`;
}

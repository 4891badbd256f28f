import { describe, expect, it } from 'vitest';
import { formatPairs, formatTable } from '../../src/common/table.js';

describe('formatTable', () => {
  it('prints the head alone where there are no rows', () => {
    expect(formatTable(['A', 'B'], [])).toBe('A  B');
  });

  it('pads columns to the widest cell and leaves no blanks at line ends', () => {
    const text = formatTable(
      ['NAME', { title: 'N', align: 'right' }, 'X'],
      [
        ['a', '1', ''],
        ['longer', '100', 'y'],
      ],
    );
    expect(text).toBe(['NAME      N  X', 'a         1', 'longer  100  y'].join('\n'));
  });

  it('takes short rows for rows with empty cells', () => {
    expect(formatTable(['A', 'B'], [['1']])).toBe('A  B\n1');
  });
});

describe('formatPairs', () => {
  it('lines the values up', () => {
    expect(
      formatPairs(
        [
          ['a', '1'],
          ['long', ''],
        ],
        '  ',
      ),
    ).toBe('  a     1\n  long');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareBrickIds,
  formatBrickId,
  isBrickId,
  parseBrickId,
  parseTrayId,
} from '../../../src/controller/inventory/brick-id.js';

describe('a brick id', () => {
  it.each(['0.2.16', '0.2', '00.2.9', '0.2.9.1', '-1.2.9', '0.2.x', '65536.0.0', ' 0.2.9', ''])(
    'is not %j',
    (text) => {
      expect(isBrickId(text)).toBe(false);
      expect(() => parseBrickId(text)).toThrow(
        `brick is "${text}"; expected rack.box.brick, the last from 0 to 15, such as "0.2.9"`,
      );
    },
  );

  it('is read as it was written', () => {
    const id = fc.integer({ min: 0, max: 65_535 });
    const key = fc.record({ dRackId: id, dBoxId: id, dBrickId: fc.integer({ min: 0, max: 15 }) });
    fc.assert(
      fc.property(key, (each) => {
        expect(parseBrickId(formatBrickId(each))).toEqual(each);
      }),
    );
  });

  it('is sorted as numbers are', () => {
    expect(['0.10.1', '0.2.15', '0.2.9', '1.0.0'].sort(compareBrickIds)).toEqual([
      ...['0.2.9', '0.2.15', '0.10.1', '1.0.0'],
    ]);
  });
});

it('reads ids of trays', () => {
  expect(parseTrayId('3.2.17')).toEqual({ rack: 3, box: 2, tray: 17 });
  expect(() => parseTrayId('3.2')).toThrow('tray is "3.2"; expected rack.box.tray');
});

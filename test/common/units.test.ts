import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatSize,
  hex,
  parseHex,
  parseInteger,
  parseSize,
  roughSize,
} from '../../src/common/units.js';

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

describe('parseSize', () => {
  it.each(['', ' ', '1.5G', '-1', '1 G', 'G', '1Z', '0x', '0xg', '0x10000000000000000', '1e9'])(
    'refuses "%s" and names what was asked for',
    (text) => {
      expect(() => parseSize(text, 'the size')).toThrow(
        expect.objectContaining({
          code: 'SDM_INPUT',
          message: expect.stringContaining('the size'),
        }),
      );
    },
  );

  it('refuses what 64 bits do not hold', () => {
    expect(parseSize('0xffffffffffffffff')).toBe((1n << 64n) - 1n);
    expect(() => parseSize('18446744073709551616')).toThrow(/64 bits/);
    expect(() => parseSize('16384P')).toThrow(/64 bits/);
  });

  it.each([
    ['4096', 4096n],
    ['1G', 1n << 30n],
    ['1g', 1n << 30n],
    ['256MiB', 256n << 20n],
    ['512MIB', 512n << 20n],
    ['2K', 2048n],
    ['3TiB', 3n << 40n],
    ['100B', 100n],
    ['0x10000000', 1n << 28n],
    [' 1G ', 1n << 30n],
  ])('reads %s', (text, size) => {
    expect(parseSize(text)).toBe(size);
  });

  it('reads what formatSize writes, exactly', () => {
    fc.assert(
      fc.property(u64, (size) => {
        expect(parseSize(formatSize(size).replace(' ', ''))).toBe(size);
      }),
    );
  });
});

describe('parseHex', () => {
  it.each(['10', '0X10', '0x', 'x10', '0x10000000000000000', '0x-1', '-0x1', ''])(
    'refuses "%s"',
    (text) => {
      expect(() => parseHex(text, 'start')).toThrow(/start/);
    },
  );

  it('is the inverse of hex', () => {
    fc.assert(
      fc.property(u64, (value) => {
        expect(parseHex(hex(value))).toBe(value);
      }),
    );
  });
});

describe('parseInteger', () => {
  it.each(['', 'x', '1.5', '0x10', '1e3', '9007199254740993', ' 1', '-1', '17'])(
    'refuses "%s" in 0 to 16',
    (text) => {
      expect(() => parseInteger(text, 'n', 0, 16)).toThrow(/from 0 to 16/);
    },
  );

  it('reads a number within its bounds', () => {
    expect(parseInteger('16', 'n', 0, 16)).toBe(16);
    expect(parseInteger('-1', 'n', -1)).toBe(-1);
  });
});

describe('formatSize', () => {
  it.each([
    [0n, '0 B'],
    [1n, '1 B'],
    [1023n, '1023 B'],
    [1024n, '1 KiB'],
    [1536n << 20n, '1536 MiB'],
    [1n << 30n, '1 GiB'],
    [(1n << 30n) + 1n, '1073741825 B'],
  ])('writes %s as %s', (size, text) => {
    expect(formatSize(size)).toBe(text);
  });
});

describe('roughSize', () => {
  it.each([
    [0n, '0 B'],
    [1023n, '1023 B'],
    [1024n, '1 KiB'],
    [1536n, '1.5 KiB'],
    [11364564n << 10n, '10.8 GiB'],
    [(1n << 64n) - 1n, '16383.9 PiB'],
  ])('writes %s as %s', (size, text) => {
    expect(roughSize(size)).toBe(text);
  });
});

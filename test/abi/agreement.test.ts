import { describe, expect, test } from 'vitest';
import { PROFILES } from '../../src/abi/profiles.js';
import { documentedDumps } from './examples.js';
import {
  differences,
  parseConstants,
  parseDocument,
  parseHeader,
  readText,
  tableUnder,
} from './tables.js';

const header = readText('native/abi/memport.h');
const markdown = readText('docs/memport-abi.md');

describe('the three sources of the ABI', () => {
  test('a header with anything but numbers is refused', () => {
    expect(() => parseHeader('#define SDM_X (1 << 3)\n')).toThrow(/no number/);
    expect(() => parseHeader('#define SDM_X 1\n#define SDM_X 1\n')).toThrow(/twice/);
    expect(() => parseHeader('struct memport;\n')).toThrow(/no number/);
  });

  test('a number that differs or is missing is named', () => {
    const ours = parseHeader('#define SDM_A 1\n#define SDM_B 2\n');
    const other = parseHeader('#define SDM_A 3\n');
    expect(differences(ours, other, 'x', 'y')).toEqual([
      'SDM_A: 0x1 in x, 0x3 in y',
      'SDM_B: 0x2 in x, missing in y',
    ]);
  });

  test('a changed cell of the document is noticed', () => {
    const wrong = markdown.replace('| 0x048 | `LINK_STATUS`', '| 0x040 | `LINK_STATUS`');
    expect(wrong).not.toBe(markdown);
    expect(differences(parseConstants(), parseDocument(wrong), 'ts', 'md')).toEqual([
      'SDM_REG_LINK_STATUS: 0x48 in ts, 0x40 in md',
    ]);
  });

  test('memport.h and constants.ts agree', () => {
    const numbers = parseHeader(header);
    expect(numbers.size).toBeGreaterThan(40);
    expect(differences(numbers, parseConstants(), 'memport.h', 'constants.ts')).toEqual([]);
  });

  test('memport.h and docs/memport-abi.md agree', () => {
    const documented = parseDocument(markdown);
    expect(differences(parseHeader(header), documented, 'memport.h', 'memport-abi.md')).toEqual([]);
  });
});

describe('docs/memport-abi.md', () => {
  test('its profiles are those of profiles.ts', () => {
    const rows = [
      ['FEATURES', 'features'],
      ['NPORTS', 'nports'],
      ['WINDOW_BASE', 'windowBase'],
      ['WINDOW_SIZE', 'windowSize'],
      ['REMOTE_SIZE', 'remoteSize'],
      ['GRANULE', 'granule'],
      ['NTRANSCEIVERS', 'ntransceivers'],
    ] as const;
    const cell = (text: string): bigint | undefined =>
      text === 'size of the pool' ? undefined : BigInt(text);
    const table = tableUnder(markdown, '## Passive blocks');
    expect(table.map((row) => row[0])).toEqual(rows.map(([register]) => register));
    rows.forEach(([, field], i) => {
      for (const [column, name] of [[1, 'generic'] as const, [2, 'zynq'] as const]) {
        const value = PROFILES[name][field];
        expect(cell(table[i]![column]!)).toBe(value === undefined ? undefined : BigInt(value));
      }
    });
  });

  test('its dumps are what the codec writes', () => {
    const dumps = [...markdown.matchAll(/\n```\n([0-9a-f]{8} {2}[\s\S]*?)\n```/g)].map((m) => m[1]);
    expect(dumps).toEqual(Object.values(documentedDumps()));
  });

  test('its links lead to headings', () => {
    const slugs = [...markdown.matchAll(/^#+ (.*)$/gm)].map((m) =>
      m[1]!
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    );
    const targets = [...markdown.matchAll(/\]\(#([^)]*)\)/g)].map((m) => m[1]!);
    expect(targets.filter((target) => !slugs.includes(target))).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { PROFILES } from '../../src/abi/profiles.js';
import { documentedDumps, mailboxDumps } from './examples.js';
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
const mailbox = readText('docs/mailbox.md');
const pages = { abi: markdown, mailbox };

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
    expect(
      differences(parseConstants(), parseDocument({ ...pages, abi: wrong }), 'ts', 'md'),
    ).toEqual(['SDM_REG_LINK_STATUS: 0x48 in ts, 0x40 in md']);
    const late = mailbox.replace('| 20 | `REFUSED`', '| 24 | `REFUSED`');
    expect(late).not.toBe(mailbox);
    expect(
      differences(parseConstants(), parseDocument({ ...pages, mailbox: late }), 'ts', 'md'),
    ).toEqual(['SDM_ANSWER_REFUSED: 0x14 in ts, 0x18 in md']);
  });

  test('memport.h and constants.ts agree', () => {
    const numbers = parseHeader(header);
    expect(numbers.size).toBeGreaterThan(40);
    expect(differences(numbers, parseConstants(), 'memport.h', 'constants.ts')).toEqual([]);
  });

  test('memport.h and the two pages agree', () => {
    const documented = parseDocument(pages);
    expect(differences(parseHeader(header), documented, 'memport.h', 'the pages')).toEqual([]);
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
    expect(dumpsOf(markdown)).toEqual(Object.values(documentedDumps()));
  });
});

describe('docs/mailbox.md', () => {
  test('its dumps are a conversation', () => {
    expect(dumpsOf(mailbox)).toEqual(Object.values(mailboxDumps()));
  });
});

describe('the links of', () => {
  test.each(Object.entries(pages))('%s lead to headings', (name, page) => {
    const other = name === 'abi' ? 'mailbox.md' : 'memport-abi.md';
    const slugs = { '': slugsOf(page), [other]: slugsOf(name === 'abi' ? mailbox : markdown) };
    const targets = [...page.matchAll(/\]\(([a-z-]*\.md)?#([^)]*)\)/g)];
    expect(targets.length).toBeGreaterThan(10);
    const astray = targets.filter(([, file = '', slug]) => slugs[file]?.includes(slug!) === false);
    expect(astray.map(([link]) => link)).toEqual([]);
  });
});

function dumpsOf(page: string): (string | undefined)[] {
  return [...page.matchAll(/\n```\n([0-9a-f]{8} {2}[\s\S]*?)\n```/g)].map((m) => m[1]);
}

function slugsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map((m) =>
    m[1]!
      .toLowerCase()
      .replace(/[^a-z0-9_ -]/g, '')
      .replaceAll(' ', '-'),
  );
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERRORS } from '../../src/common/errors.js';
import { ROOT } from './support.js';

const header = readFileSync(join(ROOT, 'native/src/errors.h'), 'utf8');
const table = readFileSync(join(ROOT, 'src/common/errors.ts'), 'utf8');
const native = [...header.matchAll(/^ +X\((SDM_\w+)\)/gm)].map((match) => match[1]!);

/** The codes of one section of the table: from its comment to the next one. */
function section(title: string): string[] {
  const start = table.indexOf(`  // ${title}`);
  expect(start).toBeGreaterThan(0);
  const rest = table.slice(start + 5);
  const end = rest.search(/^ {2}\/\/ |^\}/m);
  return [...rest.slice(0, end).matchAll(/^ {2}(SDM_\w+):/gm)].map((match) => match[1]!);
}

describe('codes of errors', () => {
  test('the header is read', () => {
    expect(native.length).toBeGreaterThan(15);
    expect(new Set(native).size).toBe(native.length);
  });

  test('every code of the addon is in the table', () => {
    expect(native.filter((code) => !(code in ERRORS))).toEqual([]);
  });

  test("every code of the table's section is the addon's", () => {
    const codes = section('Addon');
    expect(codes.length).toBeGreaterThan(10);
    expect(codes.filter((code) => !native.includes(code))).toEqual([]);
  });
});

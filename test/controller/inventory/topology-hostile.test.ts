import { execFileSync, spawn } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SdmError } from '../../../src/common/errors.js';
import { compileTopology } from '../../../src/controller/inventory/compile.js';
import { generateTopology } from '../../../src/controller/inventory/generate.js';
import {
  MAX_FILE,
  parseTopology,
  readTopology,
  toTopology,
} from '../../../src/controller/inventory/topology-file.js';
import { scratchDir } from '../../support/scratch.js';
import { WHOLE } from './whole-topology.js';

const dir = scratchDir('topology');

describe('what is hostile', () => {
  const refused = (promise: Promise<unknown>): Promise<SdmError> =>
    promise.then(
      () => Promise.reject(new Error('it was taken')),
      (error: unknown) => error as SdmError,
    );

  it('never makes it fail, and is always told with a place', () => {
    const paths = (value: unknown, path: (string | number)[] = []): (string | number)[][] =>
      typeof value === 'object' && value !== null
        ? [
            path,
            ...Object.entries(value).flatMap(([key, each]) =>
              paths(each, [...path, Array.isArray(value) ? Number(key) : key]),
            ),
          ]
        : [path];
    const poison = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(
        -1,
        16,
        1e308,
        0.5,
        '',
        '0x',
        '0xffffffffffffffff',
        '0.0.0',
        '0.0.0/0',
        '__proto__',
        [],
        {},
        null,
        true,
      ),
      fc.constant(JSON.parse('{"__proto__": {"a": 1}, "constructor": 1}')),
    );
    const change = fc.tuple(fc.constantFrom(...paths(WHOLE).slice(1)), poison);
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const value = structuredClone(WHOLE) as unknown;
        for (const [path, put] of changes) {
          let at = value as any;
          for (const key of path.slice(0, -1))
            at = typeof at === 'object' && at !== null ? at[key] : undefined;
          if (typeof at === 'object' && at !== null) at[path.at(-1)!] = structuredClone(put);
        }
        const text = JSON.stringify(value);
        try {
          compileTopology(parseTopology(text, 'f'));
        } catch (error) {
          expect(error).toBeInstanceOf(SdmError);
          expect((error as SdmError).message).toMatch(/^f:1:[0-9]+: .*expected .+, found ./s);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('is refused as a value, too', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: false }), (value) => {
        expect(() => toTopology(value)).toThrow(SdmError);
      }),
    );
  });

  it.each([
    ['depth', '['.repeat(5_000_000), 'f:1:25: [0][0]'],
    ['deep objects', '{"a":'.repeat(1_000_000), 'at most 24 levels of objects and lists'],
    ['many values', `[${'[],'.repeat(13_000_000)}[]]`, 'at most 12000000 keys and values'],
    [
      'one long string',
      `{"version": "${'a'.repeat(20_000_000)}", "racks": []}`,
      'a value of type number, found "aaa',
    ],
    [
      'many bad links',
      `{"version": 1, "racks": [], "links": [${'7,'.repeat(1_000_000)}7]}`,
      'links[0]: expected a value of type object, found 7 (and 19 more',
    ],
    ['a long key', `{"${'k'.repeat(10_000_000)}": 1}`, 'expected a value, found nothing'],
  ])('is refused for %s', (_, text, message) => {
    const error = (() => {
      try {
        return parseTopology(text, 'f');
      } catch (caught) {
        return caught as SdmError;
      }
    })() as SdmError;
    expect([error.code, error.message]).toEqual(['SDM_TOPOLOGY', expect.stringContaining(message)]);
    expect(error.message.length).toBeLessThan(1000);
  });

  it.each([
    ['is not there', join(dir, 'none'), 'cannot read the topology'],
    ['is a directory', dir, '(EISDIR)'],
  ])('is refused where it %s', async (_, path, message) => {
    expect((await refused(readTopology(path))).message).toContain(message);
  });

  it('is not read beyond its limit', async () => {
    const path = join(dir, 'long');
    writeFileSync(path, '');
    truncateSync(path, 10 * MAX_FILE);
    const { message } = await refused(readTopology(path));
    expect(message).toBe(
      `${path} is longer than 83886080 bytes; expected a topology, which is shorter`,
    );
  });

  it('is refused where it is not UTF-8', async () => {
    const path = join(dir, 'latin');
    writeFileSync(path, Buffer.from('{"version": "\xe4"}', 'latin1'));
    expect((await refused(readTopology(path))).message).toContain('is not UTF-8');
  });

  it('may come through a pipe', async () => {
    const path = join(dir, 'pipe');
    execFileSync('mkfifo', [path]);
    const child = spawn('sh', ['-c', 'cat > "$1"', 'sh', path], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin.end(JSON.stringify(generateTopology()));
    expect((await readTopology(path)).racks).toHaveLength(1);
  });
});

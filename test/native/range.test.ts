import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ErrorCode } from '../../src/common/errors.js';
import { native, type FileRange } from '../../src/native/index.js';
import { any, makeScratch, rejected, thrown } from './support.js';

const scratch = makeScratch();
const MIB = 1n << 20n;
let files = 0;

function makePool(size = 8n * MIB): string {
  const path = join(scratch, `pool-${(files += 1)}`);
  writeFileSync(path, '');
  truncateSync(path, Number(size));
  return path;
}

function open(path: string, offset = 0n, length = 8n * MIB): FileRange {
  const range = native.openRange(path, { offset, length });
  onTestFinished(() => range.close());
  return range;
}

function write(path: string, at: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

type Loose = (...args: unknown[]) => Promise<unknown>;

describe('arguments', () => {
  const part = { offset: 0n, length: MIB };

  test.each<[unknown[], ErrorCode]>([
    [[], 'SDM_INPUT'],
    [[7, part], 'SDM_INPUT'],
    [['', part], 'SDM_INPUT'],
    [['/x'], 'SDM_INPUT'],
    [['/x', { offset: 0, length: MIB }], 'SDM_INPUT'],
    [['/x', { offset: 0n }], 'SDM_INPUT'],
    [['/none', part], 'SDM_NOT_FOUND'],
    [['/dev/null', { offset: 1n, length: MIB }], 'SDM_ALIGNMENT'],
    [['/dev/null', { offset: 0n, length: 0n }], 'SDM_RANGE'],
  ])('openRange(%o) is refused', (given, code) => {
    const openRange = any<(...args: unknown[]) => unknown>(native.openRange);
    thrown(() => openRange(...given), code);
  });

  test.each(['scrub', 'allocated'] as const)('%s rejects, and never throws', async (name) => {
    const range = open(makePool(), MIB, 2n * MIB);
    const call = (...args: unknown[]) => any<Record<string, Loose>>(range)[name]!(...args);
    await rejected(() => call(), 'SDM_INPUT');
    await rejected(() => call({ offset: 0n, length: MIB }), 'SDM_RANGE');
    await rejected(() => call({ offset: MIB, length: 7n }), 'SDM_ALIGNMENT');
    await rejected(() => call({ offset: MIB, length: MIB, signal: 1 }), 'SDM_INPUT');
    const loose = any<Record<string, Loose>>(range)[name]!;
    await rejected(() => loose.call({}, { offset: MIB, length: MIB }), 'SDM_FORGED');
  });

  test('a device has no holes to give', async () => {
    const range = open('/dev/zero', 0n, MIB);
    expect(range.regular).toBe(false);
    await rejected(() => range.scrub({ offset: 0n, length: MIB }), 'SDM_INPUT');
  });
});

describe('a range', () => {
  test('is one opening’s at a time, and free when that is closed', async () => {
    const path = makePool();
    const range = open(path, 0n, 4n * MIB);
    const overlapping = { offset: 3n * MIB, length: 2n * MIB };
    thrown(() => native.openRange(path, overlapping), 'SDM_LOCKED');
    open(path, 4n * MIB, 4n * MIB).close();
    await range.scrub({ offset: 0n, length: 4n * MIB });
    range.close();
    range.close();
    await rejected(() => range.allocated({ offset: 0n, length: MIB }), 'SDM_CLOSED');
    open(path, 3n * MIB, 2n * MIB);
  });

  test('is counted, scrubbed and proven, and what lies beside it is left', async () => {
    const path = makePool();
    const range = open(path);
    write(path, 0, Buffer.alloc(Number(3n * MIB), 1));
    const part = { offset: MIB, length: MIB };
    expect(await range.allocated(part)).toBe(MIB);
    expect(await range.scrub(part)).toEqual({ punched: true, dataAt: -1n, otherAt: -1n });
    expect(await range.allocated(part)).toBe(0n);
    expect(await range.allocated({ offset: 0n, length: 8n * MIB })).toBe(2n * MIB);
  });

  test('ends its work when it is told to', async () => {
    const range = open(makePool());
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    const call = () => range.scrub({ offset: 0n, length: MIB, signal });
    expect((await rejected(call, 'SDM_ABORTED')).cause).toBe(reason);
  });
});

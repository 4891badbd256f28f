import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rackLayout, type RackLayout } from '../../src/rack/layout.js';
import {
  makePrivateDir,
  qemuOf,
  rackNames,
  readState,
  writeState,
  type RackState,
} from '../../src/rack/state.js';

let scratch: string;
let layout: RackLayout;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sdm-state-'));
  layout = rackLayout('r0', scratch);
  mkdirSync(layout.dir);
});
afterEach(() => rmSync(scratch, { recursive: true }));

const STATE: RackState = {
  version: 1,
  name: 'r0',
  phase: 'running',
  created: '2026-11-22T06:00:00.000Z',
  poolSize: '0x100000000',
  memory: '0x20000000',
  distances: [20, 40],
  append: '',
  kernel: '/cache/kernel',
  bricks: [
    {
      n: 1,
      name: 'r0-brick1',
      sshPort: 40022,
      shares: [{ start: '0x8000000', size: '0x78000000', shared: false }],
    },
  ],
};

describe('rack.json', () => {
  it.each<[string, string]>([
    ['nothing in it', ''],
    ['half of it', '{"version":1'],
    ['another version', JSON.stringify({ ...STATE, version: 2 })],
    ['a key too many', JSON.stringify({ ...STATE, more: 1 })],
    ['a size that is a number', JSON.stringify({ ...STATE, poolSize: 4294967296 })],
    ['a QEMU that there is not', JSON.stringify({ ...STATE, qemu: 'mine' })],
    ['no bricks', JSON.stringify({ ...STATE, bricks: [] })],
    ['another rack’s name', JSON.stringify({ ...STATE, name: 'r1' })],
  ])('is refused with %s, and the way out is named', (_what, text) => {
    writeFileSync(layout.stateFile, text);
    expect(() => readState(layout)).toThrow(
      expect.objectContaining({
        code: 'SDM_RACK_STATE',
        message: expect.stringContaining('sdm rack down --name r0'),
      }),
    );
  });

  it('tells what bricks run on, and if it does not, it is from before there was a choice', () => {
    expect(qemuOf({ ...STATE, qemu: 'patched' })).toBe('patched');
    writeState(layout, STATE);
    expect(qemuOf(readState(layout)!)).toBe('stock');
  });

  it('is read as it was written, and leaves no draft', () => {
    expect(readState(layout)).toBeUndefined();
    writeState(layout, STATE);
    writeState(layout, { ...STATE, phase: 'starting' });
    expect(readState(layout)).toEqual({ ...STATE, phase: 'starting' });
    expect(readdirSync(layout.dir)).toEqual(['rack.json']);
  });
});

describe('racks there are', () => {
  it('are the directories with the name of a rack', () => {
    for (const name of ['b1', 'a1', 'r0.logs', 'UPPER']) {
      mkdirSync(join(scratch, name));
    }
    writeFileSync(join(scratch, 'file'), '');
    expect(rackNames(scratch)).toEqual(['a1', 'b1', 'r0']);
    expect(rackNames(join(scratch, 'nowhere'))).toEqual([]);
  });
});

describe('private directories', () => {
  it('are refused when others can enter, and where there is a link or a file', () => {
    const open = join(scratch, 'open');
    mkdirSync(open, { mode: 0o755 });
    mkdirSync(join(scratch, 'private'), { mode: 0o700 });
    symlinkSync(join(scratch, 'private'), join(scratch, 'link'));
    symlinkSync(join(scratch, 'nowhere'), join(scratch, 'dangling'));
    writeFileSync(join(scratch, 'file'), '', { mode: 0o600 });
    for (const name of ['open', 'link', 'dangling', 'file']) {
      const path = join(scratch, name);
      expect(() => makePrivateDir(path)).toThrow(
        expect.objectContaining({
          code: 'SDM_RACK_STATE',
          message: expect.stringContaining(path),
        }),
      );
    }
    makePrivateDir(join(scratch, 'a', 'b'));
    makePrivateDir(join(scratch, 'a', 'b'));
  });
});

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MEMPORT_BASE, REG, STATUS } from '../../src/abi/codec.js';
import { native, type RegisterBlock } from '../../src/native/index.js';
import { STAGING } from '../../src/native/types.js';
import { any, formatFile, makeScratch, thrown } from './support.js';

const file = join(makeScratch(), 'registers');
const BASE = 0x4_0000_0000n;

/** Stages a range at `start` of `size` bytes, with an OFFSET, and programs it. @returns its STATUS. */
function program(block: RegisterBlock, port: bigint, start: bigint, size: bigint, offset: bigint) {
  block.staging.set([port, start, start + size - 1n, offset, 0n, 0n, 1n, 0n]);
  block.program(1);
  return Number(block.staging[STAGING.STATUS]);
}

describe('checkAlignment', () => {
  test('is a boolean or is left out', () => {
    formatFile(file);
    for (const checkAlignment of [0, 1, null, 'false', 0n]) {
      const open = () => native.openRegisters({ path: file }, any({ checkAlignment }));
      thrown(open, 'SDM_INPUT', TypeError);
    }
  });

  test.each([[undefined], [true]])('%s: a passive block refuses what is not aligned', (value) => {
    formatFile(file);
    const options = value === undefined ? {} : { checkAlignment: value };
    const block = native.openRegisters({ path: file }, options);
    expect(program(block, 0n, BASE, 0x1000_0000n, 0x4_0000_0001n)).toBe(STATUS.ALIGNMENT);
    expect(program(block, 0n, BASE, 0x1000n, 0x4_0000_0000n)).toBe(STATUS.ALIGNMENT);
    block.close();
  });

  test('false: a passive block takes it, and makes its other checks', () => {
    formatFile(file);
    const block = native.openRegisters({ path: file }, { checkAlignment: false });
    expect(program(block, 0n, BASE, 0x1000_0000n, 0x4_0000_0001n)).toBe(STATUS.ACTIVE);
    expect(program(block, 1n, BASE + 0x0fff_ffffn, 1n, 0n)).toBe(STATUS.OVERLAP);
    expect(program(block, 1n, BASE - 1n, 2n, 0n)).toBe(STATUS.WINDOW);
    expect(program(block, 1n, BASE + 0x1000_0000n, 1n, 0xc_0000_0000n)).toBe(STATUS.REMOTE);
    expect(program(block, 1n, BASE + 0x1000_0000n, 1n, 0x8_0000_0000n)).toBe(STATUS.ACTIVE);
    expect(block.read(MEMPORT_BASE + 0x10)).toBe(0x4_0000_0001n);
    expect(block.read(REG.GRANULE)).toBe(0x1000_0000n);
    block.close();
  });
});

import { afterEach, describe, expect, test } from 'vitest';
import { featureBits } from '../../../src/abi/codec.js';
import { openPool } from '../../../src/agent/backend/pool.js';
import type { RegisterBlockInfo } from '../../../src/native/types.js';
import { makeTree, type Tree } from '../tree.js';

const REMOTE_SIZE = 1n << 36n;
const at = (features: bigint) => ({
  device: { address: 'a0000000.memport' },
  info: { features, windowSize: 1n << 32n, remoteSize: REMOTE_SIZE } as RegisterBlockInfo,
});
const translating = at(featureBits('translation'));

let tree: Tree | undefined;
afterEach(() => tree?.remove());

/** What is warned of. */
function log(said: string[] = []) {
  const warn = (_: object, text: string): void => void said.push(text);
  return { said, debug() {}, info() {}, warn, error() {} };
}

describe('registers of a device without a configured pool', () => {
  test('that translate have all of the remote memory, and ask no device', () => {
    const pool = openPool('/nonexistent', undefined, translating, log());
    expect(pool).toEqual({ kind: 'remote', size: REMOTE_SIZE });
  });

  test('that leave the base of their window open have none, and that is warned of', () => {
    const { said, ...rest } = log();
    const passive = { ...translating.info, passive: true, windowBase: 0n };
    const open = (info: RegisterBlockInfo): unknown =>
      openPool('/nonexistent', undefined, { ...translating, info }, rest);
    expect(open(passive)).toBeUndefined();
    expect(said).toEqual([expect.stringMatching(/^no pool: .*leave open.*pool\.pci/)]);
    expect(open({ ...passive, windowBase: 1n << 39n })).toMatchObject({ kind: 'remote' });
    expect(open({ ...passive, passive: false })).toMatchObject({ kind: 'remote' });
    expect(said).toHaveLength(1);
  });

  test('that do not translate have none', () => {
    expect(openPool('/nonexistent', undefined, at(0n), log())).toBeUndefined();
  });
});

describe('a configured pool', () => {
  test('that is a file is refused', () => {
    const open = (): unknown => openPool('/nonexistent', { path: '/p' }, translating, log());
    expect(open).toThrow(expect.objectContaining({ code: 'SDM_CONFIG' }));
  });

  test('that is not found is warned of, with the way out where registers translate', () => {
    tree = makeTree({ 'bus/pci/devices/keep': '' });
    const { said, ...rest } = log();
    const passive = { ...translating, info: { ...translating.info, passive: true } };
    expect(openPool(tree.root, { pci: 'auto' }, passive, rest)).toBeUndefined();
    expect(openPool(tree.root, { pci: 'auto' }, at(0n), rest)).toBeUndefined();
    expect(said[0]).toMatch(/^no pool: .*or leave out "pool": the registers translate$/);
    expect(said[1]).toMatch(/^no pool: .*name it as pool\.pci$/);
  });
});

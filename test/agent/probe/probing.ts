import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { expect } from 'vitest';
import {
  encodeOffset,
  fromBuffer,
  hasFeature,
  toBuffer,
  type BlockImage,
} from '../../../src/abi/codec.js';
import { Brick } from '../../../src/agent/api/brick-schema.js';
import { NodeView } from '../../../src/agent/api/schemas.js';
import { probeDirectly } from '../../../src/agent/probe/collect.js';
import type { Opener } from '../../../src/agent/backend/look.js';
import { brickTable } from '../../../src/agent/probe/table.js';
import type { RegisterBlock } from '../../../src/native/types.js';
import { EMPTY, formatted, memport } from '../../abi/examples.js';
import { brickTree, POOL_BASE, POOL_SIZE, writeTree, type Tree } from './tree.js';

const header = formatted('generic', POOL_SIZE);
const active = memport({
  start: POOL_BASE + 0x10000000n,
  end: POOL_BASE + 0x1fffffffn,
  offset: encodeOffset(POOL_BASE + 0x10000000n, 0x10000000n),
  set: true,
  status: 1,
});
export const image: BlockImage = {
  header,
  memports: Array.from({ length: header.nports }, (_, n) => (n === 5 ? active : EMPTY)),
};

/** Opens files as the addon does, by the codec: no addon is needed here. */
export const opener: Opener = {
  openRegisters(source, options) {
    if (!('path' in source)) throw new Error('only files are below another root');
    expect(options?.writable).toBe(false);
    const bytes = readFileSync(source.path);
    const block = fromBuffer(bytes);
    const base = block.header.windowBase || (options?.windowBase ?? 0n);
    return {
      info: {
        ...block.header,
        windowBase: base,
        passive: hasFeature(block.header.features, 'passive'),
      },
      snapshot(into: BigUint64Array) {
        const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
        into.set(words.subarray(0, 32));
        into.set(words.subarray(0x1000 / 8, 0x1000 / 8 + 8 * block.header.nports), 32);
      },
      close() {},
    } as unknown as RegisterBlock;
  },
};

export const bar = {
  registers: { backend: 'bar', pci: 'auto' },
  pool: { pci: 'auto' },
  node: 1,
} as const;

/** Writes a tree and probes it; what comes out keeps to its schema and can be printed. */
export function probe(
  root: string,
  tree: Tree,
  config: Parameters<typeof probeDirectly>[0]['config'] = bar,
): Brick {
  writeTree(root, tree);
  const brick = probeDirectly({ root, native: opener, config });
  const ajv = new Ajv({ strict: false }).addSchema(NodeView, 'Node#');
  expect(ajv.validate(Brick, brick), ajv.errorsText()).toBe(true);
  expect(brickTable(brick)).toContain(brick.verdict);
  return brick;
}

export function without(tree: Tree, prefix: string): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => !path.startsWith(prefix)));
}

/** A brick on which nothing is missing. */
export const whole = (): Tree => brickTree(toBuffer(image));
export const about = (brick: Brick) => brick.advice.map((advice) => advice.about);
export const textOf = (brick: Brick, name: string) =>
  brick.advice.find((advice) => advice.about === name)?.text ?? '';

import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { native, type MemoryMap, type RegisterBlock } from '../../src/native/index.js';
import {
  any,
  formatFile,
  isMapped,
  makeScratch,
  rejected,
  sparseFile,
  thrown,
  until,
} from './support.js';

const scratch = makeScratch();
const registers = join(scratch, 'registers');
const pool = join(scratch, 'pool');

type Method = (this: unknown, ...args: unknown[]) => unknown;
type Methods = Record<string, Method>;

/** Arguments with which each method works on an object of its own. */
const BLOCK_METHODS: Record<string, unknown[]> = {
  snapshot: [new BigUint64Array(512)],
  read: [0],
  writeEpoch: [1n],
  resetLink: [0],
  close: [],
};
const MAP_METHODS: Record<string, unknown[]> = {
  read: [0n, new Uint8Array(8)],
  write: [0n, new Uint8Array(8)],
  close: [],
};
const MAP_PROMISES: Record<string, unknown[]> = {
  fill: [0n],
  copyFrom: [null, 0n],
  checksum: [],
  compare: [null, 0n],
  findOther: [0n],
};

function openBlock(): RegisterBlock {
  const block = native.openRegisters({ path: formatFile(registers) });
  const { close } = block; // its prototype may be another one in the end
  onTestFinished(() => close.call(block));
  return block;
}

function openMap(): MemoryMap {
  const path = sparseFile(pool, 4096);
  const map = native.mapMemory({ path, length: 4096n, writable: true });
  const { close } = map;
  onTestFinished(() => close.call(map));
  return map;
}

/** Everything that is not an object of the class, some of it in disguise. */
function impostors(real: object, other: object): unknown[] {
  const prototype = Object.getPrototypeOf(real) as object;
  return [
    undefined,
    null,
    0,
    'text',
    Symbol('s'),
    {},
    [],
    () => undefined,
    globalThis,
    prototype,
    Object.create(prototype),
    Object.create(real),
    new Proxy(real, {}),
    { ...real },
    Object.setPrototypeOf({}, prototype),
    Object.setPrototypeOf(other, prototype),
  ];
}

describe('a forged this', () => {
  test.each(Object.entries(BLOCK_METHODS))('RegisterBlock.%s refuses it', (name, args) => {
    const block = openBlock();
    const method = any<Methods>(block)[name]!;
    for (const self of impostors(block, openMap())) {
      thrown(() => Reflect.apply(method, self, args), 'SDM_FORGED', TypeError);
    }
    Reflect.apply(method, block, args);
  });

  test.each(Object.entries(MAP_METHODS))('MemoryMap.%s refuses it', (name, args) => {
    const map = openMap();
    const method = any<Methods>(map)[name]!;
    for (const self of impostors(map, openBlock())) {
      thrown(() => Reflect.apply(method, self, args), 'SDM_FORGED', TypeError);
    }
    Reflect.apply(method, map, args);
  });

  test.each(Object.entries(MAP_PROMISES))('MemoryMap.%s rejects it', async (name, args) => {
    const map = openMap();
    const method = any<Methods>(map)[name]!;
    for (const self of impostors(map, openBlock())) {
      const call = (): Promise<unknown> => any(Reflect.apply(method, self, args));
      await rejected(call, 'SDM_FORGED', TypeError);
    }
  });

  test('an argument of the wrong class is refused as well', async () => {
    const map = openMap();
    for (const other of impostors(map, openBlock())) {
      await rejected(() => map.copyFrom(any(other), 0n), 'SDM_FORGED', TypeError);
      await rejected(() => map.compare(any(other), 0n), 'SDM_FORGED', TypeError);
    }
  });

  test('an object keeps its nature under another prototype', () => {
    const map = openMap();
    const { read } = map;
    Object.setPrototypeOf(map, Object.getPrototypeOf(openBlock()) as object);
    const bytes = new Uint8Array(8);
    read.call(map, 0n, bytes);
    thrown(() => any<RegisterBlock>(map).read(0), 'SDM_FORGED', TypeError);
    thrown(() => any<RegisterBlock>(map).close(), 'SDM_FORGED', TypeError);
  });
});

describe('constructors', () => {
  test('cannot be called, inherited or reflected', () => {
    for (const real of [openBlock(), openMap()]) {
      const constructor = any<new () => object>(real.constructor);
      thrown(() => new constructor(), 'SDM_INPUT', TypeError);
      thrown(() => Reflect.apply(constructor, {}, []), 'SDM_INPUT', TypeError);
      thrown(() => Reflect.construct(constructor, [], Object), 'SDM_INPUT', TypeError);
      class Heir extends constructor {}
      thrown(() => new Heir(), 'SDM_INPUT', TypeError);
    }
  });

  test('fixed properties stay', () => {
    const block = openBlock();
    const map = openMap();
    for (const change of [{ info: {} }, { staging: [] }, { program: () => 0 }]) {
      expect(() => Object.assign(block, change)).toThrow(TypeError);
    }
    expect(() => Object.assign(map, { length: 1n << 40n })).toThrow(TypeError);
    expect(() => Object.assign(block.info, { nports: 512 })).toThrow(TypeError);
  });
});

describe('garbage collection', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;

  test('unmaps and unlocks what was not closed', async () => {
    const path = formatFile(registers);
    (() => void native.openRegisters({ path }))();
    await until('the block to go', () => (collect(), !isMapped(path)));
    native.openRegisters({ path }).close();

    sparseFile(pool, 4096);
    (() => void native.mapMemory({ path: pool, length: 4096n }))();
    await until('the mapping to go', () => (collect(), !isMapped(pool)));
  });

  test('leaves a block alone whose program() is still held', async () => {
    const path = formatFile(registers);
    const { program, staging } = ((): RegisterBlock => native.openRegisters({ path }))();
    for (let turn = 0; turn < 20; turn += 1) {
      collect();
      await new Promise((done) => setImmediate(done));
    }
    staging.set([5n, 0x4_0000_0000n, 0x4_0fff_ffffn, 0n, 0n, 0n, 1n]);
    expect(program(1)).toBe(0);
    expect(isMapped(path)).toBe(true);
  });

  test('leaves a mapping alone over which a call runs', async () => {
    sparseFile(pool, 1 << 24);
    const running = native.mapMemory({ path: pool, length: 1n << 24n }).findOther(0n);
    collect();
    expect(await running).toBe(-1n);
    await until('the mapping to go', () => (collect(), !isMapped(pool)));
  });
});

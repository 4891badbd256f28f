import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KernelMemory } from '../../../src/agent/memory/kernel.js';
import { SdmError } from '../../../src/common/errors.js';
import { makeTree, type Tree } from '../tree.js';

const MIB = 1n << 20n;
const WINDOW = { start: 0x80_0000_0000n, size: 1n << 32n };
const RANGE = { start: 0x80_0800_0000n, size: 384n * MIB, remote: 128n * MIB };
const BLOCKS = [4097, 4098, 4099];
const SDM = 'class/misc/sdm-window';
const MEMORY = 'devices/system/memory';

let tree: Tree;
/** What was written, as "path=text". */
let written: string[];
let notes: (string | null)[];
/** Answers a write: throws to refuse it, or changes files as the kernel would. */
let kernel: (path: string, text: string) => void;

function moduleFiles(): Record<string, string> {
  const names = ['window', 'claim', 'release', 'add', 'remove', 'expose', 'conceal', 'flush'];
  const all = [...names, 'scrub', 'verify', 'explain', 'error', 'failure'];
  return {
    ...Object.fromEntries(all.map((name) => [`${SDM}/${name}`, 'none\n'])),
    [`${SDM}/window`]: '0x8000000000 0x100000000\n',
  };
}

function region(state: string, mapped = 0): Record<string, string> {
  const root = `${SDM}/regions/0x8008000000-0x801fffffff`;
  const node = state === 'ram' ? '1' : '-1';
  return { [`${root}/state`]: state, [`${root}/mapped`]: `${mapped}`, [`${root}/node`]: node };
}

function block(number: number, state: string, zones: string): Record<string, string> {
  const root = `${MEMORY}/memory${number}`;
  return { [`${root}/state`]: `${state}\n`, [`${root}/valid_zones`]: `${zones}\n` };
}

function errno(name: string): Error {
  return Object.assign(new Error(`write failed with ${name}`), {
    code: 'SDM_SYSTEM',
    errnoName: name,
  });
}

/** Blocks go where they are told to, into the movable zone. */
function obey(path: string, text: string): void {
  if (basename(path) !== 'state') return;
  const zones = text === 'online_movable' ? 'Movable' : 'Normal Movable';
  writeFileSync(join(tree.root, dirname(path), 'valid_zones'), `${zones}\n`);
  writeFileSync(join(tree.root, path), text === 'offline' ? 'offline\n' : 'online\n');
}

function memory(window: typeof WINDOW | undefined = WINDOW): KernelMemory {
  return new KernelMemory({
    native: {
      async writeWithDeadline(path, text) {
        const name = relative(tree.root, path);
        written.push(`${name}=${text}`);
        kernel(name, text);
      },
    },
    sysfs: tree.root,
    window,
    note: (saved) => {
      notes.push(saved);
      return Promise.resolve();
    },
  });
}

beforeEach(() => {
  written = [];
  notes = [];
  kernel = obey;
  tree = makeTree({
    ...moduleFiles(),
    [`${MEMORY}/block_size_bytes`]: '8000000\n',
    [`${MEMORY}/auto_online_blocks`]: 'online\n',
    'devices/system/node/possible': '0-2\n',
  });
});
afterEach(() => tree.remove());

describe('prepare', () => {
  test('no pool, no module, a module of another kind, another window, no such node', async () => {
    const lacking = new KernelMemory({
      native: { writeWithDeadline: () => Promise.resolve() },
      sysfs: '/nonexistent',
      window: WINDOW,
      note: () => Promise.resolve(),
    });
    await expect(lacking.prepare('device', -1)).rejects.toMatchObject({ code: 'SDM_NO_MODULE' });
    expect(lacking.view()).toMatchObject({ state: 'missing' });
    const noPool = new KernelMemory({
      native: { writeWithDeadline: () => Promise.resolve() },
      sysfs: tree.root,
      window: undefined,
      note: () => Promise.resolve(),
    });
    await expect(noPool.prepare('device', -1)).rejects.toMatchObject({ code: 'SDM_NO_POOL' });
    await expect(memory().prepare('system-ram', 3)).rejects.toMatchObject({
      code: 'SDM_INPUT',
      message: expect.stringContaining('0, 1, 2'),
    });
    await expect(
      memory({ ...WINDOW, size: 1n << 31n }).prepare('device', -1),
    ).rejects.toMatchObject({
      code: 'SDM_WINDOW',
      message: expect.stringContaining('0x8000000000-0x80ffffffff'),
    });
    for (const version of ['1.0', '2.0', '2.1']) {
      tree.write({ 'module/sdmc_mem/version': `${version}\n` });
      await expect(memory().prepare('device', -1)).rejects.toMatchObject({
        code: 'SDM_WRONG_MODULE',
        message: expect.stringContaining(`version ${version}, and this agent needs 1.1 or`),
      });
      expect(memory().view()).toMatchObject({ state: 'wrong', version });
    }
    tree.write({ 'module/sdmc_mem/version': '1.10\n' });
    expect(memory().view()).not.toMatchObject({ state: 'wrong' });
  });

  test('a module that lacks a command is named with what it lacks', async () => {
    tree.remove();
    tree = makeTree({ [`${SDM}/window`]: 'none\n', [`${SDM}/claim`]: '' });
    await expect(memory().prepare('device', -1)).rejects.toMatchObject({
      code: 'SDM_WRONG_MODULE',
      message: expect.stringContaining('sdm-window/scrub'),
    });
  });

  test('parks the window once', async () => {
    await memory().prepare('device', -1);
    expect(written).toEqual([]);
    tree.write({ [`${SDM}/window`]: 'none\n' });
    await memory().prepare('system-ram', 1);
    expect(written).toEqual([`${SDM}/window=0x8000000000 0x100000000`]);
  });
});

describe('add', () => {
  test('keeps the policy out, and puts it back', async () => {
    await memory().add(RANGE, 1);
    expect(written).toEqual([
      `${MEMORY}/auto_online_blocks=offline`,
      `${SDM}/add=0x8008000000 0x18000000 1`,
      `${MEMORY}/auto_online_blocks=online`,
    ]);
    expect(notes).toEqual(['online', null]);
  });

  test('puts it back when the kernel refuses, and says what the module said', async () => {
    kernel = (path) => {
      if (basename(path) !== 'add') return;
      tree.write({ [`${SDM}/error`]: 'add 0x8008000000 0x18000000 1: no such region\n' });
      throw errno('ENOENT');
    };
    await expect(memory().add(RANGE, 1)).rejects.toMatchObject({
      code: 'SDM_KERNEL_REFUSED',
      message: expect.stringContaining('no such region (ENOENT)'),
      details: { command: 'add', errno: 'ENOENT' },
    });
    expect(written.at(-1)).toBe(`${MEMORY}/auto_online_blocks=online`);
    expect(notes).toEqual(['online', null]);
  });

  test('leaves a policy alone that is off', async () => {
    tree.write({ [`${MEMORY}/auto_online_blocks`]: 'offline\n' });
    await memory().add(RANGE, 2);
    expect(written).toEqual([`${SDM}/add=0x8008000000 0x18000000 2`]);
    expect(notes).toEqual([]);
  });

  test("the sentence of an older refusal is not taken for this one's", async () => {
    tree.write({
      [`${MEMORY}/auto_online_blocks`]: 'offline\n',
      [`${SDM}/error`]: 'claim 0x1000 0x1000: stale\n',
    });
    kernel = () => {
      throw errno('ENOMEM');
    };
    await expect(memory().add(RANGE, 1)).rejects.toMatchObject({
      message: expect.not.stringContaining('stale'),
    });
  });
});

describe('commands are idempotent', () => {
  const refuse = (): never => {
    throw errno('EEXIST');
  };

  test.each([
    ['claim', 'absent'],
    ['add', 'ram'],
    ['remove', 'absent'],
    ['expose', 'device'],
    ['conceal', 'absent'],
  ] as const)('%s of a region that is %s', async (command, state) => {
    kernel = refuse;
    tree.write({ ...region(state), [`${MEMORY}/auto_online_blocks`]: 'offline\n' });
    await memory()[command](RANGE, 1);
  });

  test('the way back of what was never claimed', async () => {
    kernel = refuse;
    const path = memory();
    await path.remove(RANGE);
    await path.conceal(RANGE);
    await path.scrub(RANGE, []);
    await path.flush(RANGE);
    await path.release(RANGE);
    await expect(path.claim(RANGE)).rejects.toMatchObject({ code: 'SDM_KERNEL_REFUSED' });
  });

  test('but not a success where the region is something else', async () => {
    kernel = refuse;
    tree.write(region('ram'));
    await expect(memory().claim(RANGE)).rejects.toMatchObject({ code: 'SDM_KERNEL_REFUSED' });
    await expect(memory().release(RANGE)).rejects.toMatchObject({ code: 'SDM_KERNEL_REFUSED' });
    await expect(memory().expose(RANGE)).rejects.toMatchObject({ code: 'SDM_KERNEL_REFUSED' });
  });
});

describe('use of a range', () => {
  test('RAM, mapped, exposed, or none', () => {
    expect(memory().use(RANGE)).toBe('none');
    tree.write(region('ram'));
    expect(memory().use({ start: RANGE.start + 4096n, size: 1n })).toBe('ram');
    tree.write(region('device', 2));
    expect(memory().use({ start: RANGE.start - 1n, size: 2n })).toBe('mapped');
    expect(memory().use({ start: RANGE.start - 2n, size: 2n })).toBe('none');
    expect(memory().use({ start: RANGE.start + 1n, size: -5n })).toBe('none');
    tree.write(region('device'));
    expect(memory().use(RANGE)).toBe('exposed');
    tree.write(region('absent'));
    expect(memory().use(RANGE)).toBe('none');
  });

  test('a mapping keeps a range from being concealed', async () => {
    tree.write(region('device', 2));
    kernel = () => {
      throw errno('EBUSY');
    };
    await expect(memory().conceal(RANGE)).rejects.toMatchObject({
      code: 'SDM_DEVICE_MAPPED',
      message: expect.stringContaining('2 live mappings'),
    });
  });
});

describe('scrub', () => {
  test('zeroes, then verifies', async () => {
    tree.write(region('absent'));
    await memory().scrub(RANGE, []);
    expect(written).toEqual([
      `${SDM}/scrub=0x8008000000 0x18000000`,
      `${SDM}/verify=0x8008000000 0x18000000`,
    ]);
  });

  test('is left to the last that uses any of its bytes', async () => {
    tree.write(region('absent'));
    const end = RANGE.remote + RANGE.size;
    await memory().scrub(RANGE, [{ start: end - 1n, end: end + 1n }]);
    expect(written).toEqual([]);
    await memory().scrub(RANGE, [
      { start: 0n, end: RANGE.remote },
      { start: end, end: end + 1n },
    ]);
    expect(written.length).toBe(2);
  });

  test('what does not read zero is an error of its own', async () => {
    tree.write(region('absent'));
    kernel = (path) => {
      if (basename(path) === 'verify') throw errno('ENOTEMPTY');
    };
    await expect(memory().scrub(RANGE, [])).rejects.toMatchObject({ code: 'SDM_SCRUB' });
  });
});

describe('blocks', () => {
  beforeEach(() => {
    for (const number of BLOCKS) tree.write(block(number, 'offline', 'Normal Movable'));
    tree.write(region('ram'));
  });

  test('go online one by one, movable', async () => {
    await memory().online(RANGE);
    expect(written).toEqual(BLOCKS.map((n) => `${MEMORY}/memory${n}/state=online_movable`));
  });

  test('one that is online already is left', async () => {
    tree.write(block(4098, 'online', 'Movable'));
    kernel = (path, text) => {
      if (path.includes('memory4098/')) throw errno('EINVAL');
      obey(path, text);
    };
    await memory().online(RANGE);
  });

  test('another zone is an error that names block and zone', async () => {
    kernel = (path, text) => {
      obey(path, text);
      if (path.includes('memory4098/')) tree.write(block(4098, 'online', 'Normal'));
    };
    await expect(memory().online(RANGE)).rejects.toMatchObject({
      code: 'SDM_KERNEL_REFUSED',
      message: expect.stringMatching(/block 4098 at 0x8010000000.*zone Normal/),
      details: { block: 4098, zones: 'Normal' },
    });
    expect(written).toHaveLength(2);
  });

  test('one that is not there', async () => {
    tree.remove();
    tree = makeTree({ [`${MEMORY}/block_size_bytes`]: '8000000\n' });
    kernel = () => {
      throw errno('ENOENT');
    };
    await expect(memory().online(RANGE)).rejects.toMatchObject({
      message: expect.stringContaining('no such block'),
      details: { errno: 'ENOENT', zones: null },
    });
    await memory().offline(RANGE, 1000);
  });

  test('of a region that is not ours are never taken offline', async () => {
    await memory().online(RANGE);
    tree.write(region('absent'));
    written = [];
    await memory().offline(RANGE, 1000);
    const other = { ...RANGE, size: RANGE.size - 128n * MIB };
    await memory().offline(other, 1000);
    expect(written).toEqual([]);
  });

  test('go offline; a refusal says block, errno and what the module saw', async () => {
    await memory().online(RANGE);
    written = [];
    kernel = (path, text) => {
      if (path.includes('memory4099/')) {
        tree.write({ [`${SDM}/failure`]: 'block=4099 pfn=0x1 count=3 reason=pinned\n' });
        throw errno('EBUSY');
      }
      obey(path, text);
    };
    await expect(memory().offline(RANGE, 1000)).rejects.toMatchObject({
      code: 'SDM_OFFLINE_REFUSED',
      message: expect.stringContaining('could not be taken offline: '),
      details: { block: 4099, start: '0x8018000000', errno: 'EBUSY', reason: 'pinned' },
    });
    expect(written).toEqual(BLOCKS.map((n) => `${MEMORY}/memory${n}/state=offline`));
    const state = (n: number): string =>
      readFileSync(join(tree.root, MEMORY, `memory${n}/state`), 'utf8').trim();
    expect(BLOCKS.map(state)).toEqual(['offline', 'offline', 'online']);
  });

  test('what the module did not see, it is asked to look for', async () => {
    await memory().online(RANGE);
    kernel = (path, text) => {
      if (basename(path) === 'explain') {
        tree.write({ [`${SDM}/failure`]: 'block=4097 pfn=0x1 reason=slab\n' });
      } else if (text === 'offline') {
        throw new SdmError('SDM_TIMEOUT', 'did not end');
      }
    };
    await expect(memory().offline(RANGE, 1000)).rejects.toMatchObject({
      message: expect.stringContaining('could not be taken offline within 1000 ms; reason: slab'),
      details: { block: 4097, errno: 'EINTR', reason: 'slab' },
    });
    tree.write({ [`${SDM}/failure`]: 'none\n' });
    kernel = () => {
      throw new SdmError('SDM_TIMEOUT', 'did not end');
    };
    await expect(memory().offline(RANGE, 1000)).rejects.toMatchObject({
      details: { block: 4097, reason: 'deadline' },
    });
  });
});

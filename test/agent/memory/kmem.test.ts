import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KernelMemory } from '../../../src/agent/memory/kernel.js';
import { checkKmem } from '../../../src/agent/memory/kmem.js';
import type { MemoryConfig } from '../../../src/agent/types.js';
import { makeTree, type Tree } from '../tree.js';

const MIB = 1n << 20n;
const WINDOW = { start: 0x80_0000_0000n, size: 1n << 32n };
const RANGE = { start: 0x80_0800_0000n, size: 256n * MIB, remote: 128n * MIB };
const TEXT = '0x8008000000 0x10000000';
const BLOCKS = [4097, 4098];
const SDM = 'class/misc/sdm-window';
const REGION = `${SDM}/regions/0x8008000000-0x8017ffffff`;
const MEMORY = 'devices/system/memory';
const DAX = 'bus/dax';
const DEVICE = `${DAX}/devices/dax1.0`;
const KMEM: MemoryConfig = { way: 'kmem', memmapOnMemory: false };

let tree: Tree;
let written: string[];
/** kmem takes a device of dax_hmem by itself as soon as there is one; not where this is false. */
let eager: boolean;
/** dax_hmem was inserted with region_idle: its devices have no size. */
let idle: boolean;
/** Files that who commands it may not write. */
let denied: string[];

const path = (name: string): string => join(tree.root, name);

function bound(driver: string | undefined): void {
  rmSync(path(`${DEVICE}/driver`), { force: true });
  const blocks = driver === 'kmem' ? 'offline\n' : undefined;
  for (const block of BLOCKS) {
    const dir = `${MEMORY}/memory${block}`;
    if (blocks === undefined) rmSync(path(dir), { recursive: true, force: true });
    else tree.write({ [`${dir}/state`]: blocks, [`${dir}/valid_zones`]: 'Normal Movable\n' });
  }
  if (driver !== undefined)
    symlinkSync(`../../../../bus/dax/drivers/${driver}`, path(`${DEVICE}/driver`));
}

/** What the kernel does, as far as files tell. */
function kernel(name: string, text: string): void {
  const refuse = (errno: string): never => {
    throw Object.assign(new Error(`${name}: ${errno}`), { code: 'SDM_SYSTEM', errnoName: errno });
  };
  if (denied.includes(name)) refuse('EACCES');
  else if (name === `${SDM}/hmem`) {
    tree.write({
      [`${REGION}/state`]: 'hmem',
      [`${REGION}/node`]: text.split(' ')[2] ?? '',
      [`${REGION}/mapped`]: '0',
      [`${REGION}/hmem`]: 'hmem.3\n',
      'bus/platform/devices/hmem.3/dax1.0/size': '',
      [`${DEVICE}/memmap_on_memory`]: '0\n',
    });
    if (eager) bound('kmem');
  } else if (name === `${SDM}/unhmem`) {
    rmSync(path(DEVICE), { recursive: true });
    rmSync(path('bus/platform/devices/hmem.3'), { recursive: true });
    tree.write({
      [`${REGION}/state`]: 'absent',
      [`${REGION}/node`]: '-1',
      [`${REGION}/hmem`]: 'none\n',
    });
  } else if (basename(name) === 'unbind') bound(undefined);
  else if (name === `${DAX}/drivers/kmem/bind`) idle ? refuse('ENXIO') : bound('kmem');
  else writeFileSync(path(name), `${text}\n`);
}

function memory(config: MemoryConfig = KMEM): KernelMemory {
  return new KernelMemory({
    native: {
      writeWithDeadline(file, text) {
        const name = relative(tree.root, file);
        written.push(`${name}=${text}`);
        return new Promise((resolve) => resolve(kernel(name, text)));
      },
    },
    sysfs: tree.root,
    window: WINDOW,
    note: () => Promise.resolve(),
    config,
    mayWrite: (file) => !denied.includes(relative(tree.root, file)),
  });
}

beforeEach(() => {
  written = [];
  eager = true;
  idle = false;
  denied = [];
  const commands = ['claim', 'release', 'add', 'remove', 'expose', 'conceal', 'flush', 'scrub'];
  const all = [...commands, 'verify', 'explain', 'error', 'failure', 'hmem', 'unhmem'];
  tree = makeTree({
    ...Object.fromEntries(all.map((name) => [`${SDM}/${name}`, 'none\n'])),
    [`${SDM}/window`]: '0x8000000000 0x100000000\n',
    [`${REGION}/state`]: 'absent',
    [`${MEMORY}/block_size_bytes`]: '8000000\n',
    [`${MEMORY}/auto_online_blocks`]: 'offline\n',
    'devices/system/node/possible': '0-2\n',
    'bus/platform/drivers/hmem/bind': '',
    [`${DAX}/drivers/kmem/bind`]: '',
    [`${DAX}/drivers/kmem/unbind`]: '',
    [`${DAX}/drivers/device_dax/bind`]: '',
  });
  mkdirSync(path(dirname(DEVICE)), { recursive: true });
});
afterEach(() => tree.remove());

describe('prepare', () => {
  test.each([
    [['bus/platform/drivers/hmem'], /drivers? dax_hmem is not there: run `modprobe -a dax_hmem`/],
    [['bus/platform/drivers/hmem', `${DAX}/drivers/kmem`], /`modprobe -a dax_hmem kmem`/],
  ])('names the modules that bring what is missing of %j', async (gone, message) => {
    for (const each of gone) rmSync(path(each), { recursive: true });
    await expect(memory().prepare('system-ram', 1)).rejects.toMatchObject({
      code: 'SDM_NO_MODULE',
      message: expect.stringMatching(message),
    });
    await memory().prepare('device', -1);
    await memory({ way: 'module', memmapOnMemory: false }).prepare('system-ram', 1);
  });

  test.each(['bind', 'unbind'])('says who may, where the agent may not write %s', async (file) => {
    tree.write({ [`${SDM}/window`]: 'none\n' });
    denied = [`${DAX}/drivers/kmem/${file}`];
    await expect(memory().prepare('system-ram', 1)).rejects.toMatchObject({
      code: 'SDM_MODE',
      message: expect.stringMatching(new RegExp(`only root may write .*/kmem/${file}: `)),
      details: { errno: 'EACCES', path: path(`${DAX}/drivers/kmem/${file}`) },
    });
    expect(written).toEqual([]);
    await memory({ way: 'module', memmapOnMemory: false }).prepare('system-ram', 1);
    expect(written).toEqual([`${SDM}/window=0x8000000000 0x100000000`]);
  });

  test('asks the kernel who may, where nothing else is said', () => {
    checkKmem(tree.root);
    expect(() => checkKmem(tree.root, () => false)).toThrow(/only root may/);
  });

  test('refuses a module that does not know how to announce a range', async () => {
    rmSync(path(`${SDM}/hmem`));
    await expect(memory().prepare('system-ram', 1)).rejects.toMatchObject({
      code: 'SDM_WRONG_MODULE',
      message: expect.stringContaining('sdm-window/hmem'),
    });
    await memory({ way: 'module', memmapOnMemory: false }).prepare('system-ram', 1);
  });
});

describe('add', () => {
  test('announces the range; kmem takes it by itself, or is told to', async () => {
    await memory().add(RANGE, 2);
    expect(written).toEqual([`${SDM}/hmem=${TEXT} 2`]);
  });

  test('tells a kmem that came later', async () => {
    eager = false;
    await memory().add(RANGE, 1);
    expect(written).toEqual([`${SDM}/hmem=${TEXT} 1`, `${DAX}/drivers/kmem/bind=dax1.0`]);
  });

  test('takes it from another driver', async () => {
    eager = false;
    kernel(`${SDM}/hmem`, `${TEXT} 1`);
    bound('device_dax');
    await memory().add(RANGE, 1);
    expect(written).toEqual([
      `${DAX}/drivers/device_dax/unbind=dax1.0`,
      `${DAX}/drivers/kmem/bind=dax1.0`,
    ]);
  });

  test('with a memory map of its own: set while no driver has it', async () => {
    await memory({ way: 'kmem', memmapOnMemory: true }).add(RANGE, 1);
    expect(written).toEqual([
      `${SDM}/hmem=${TEXT} 1`,
      `${DAX}/drivers/kmem/unbind=dax1.0`,
      `${DEVICE}/memmap_on_memory=1`,
      `${DAX}/drivers/kmem/bind=dax1.0`,
    ]);
  });

  test('is done where it was done, by whatever way', async () => {
    await memory().add(RANGE, 1);
    written = [];
    await memory().add(RANGE, 1);
    await memory({ way: 'module', memmapOnMemory: false }).add(RANGE, 1);
    tree.write({ [`${REGION}/state`]: 'ram' });
    await memory().add(RANGE, 1);
    expect(written).toEqual([]);
    await expect(memory().add(RANGE, 2)).rejects.toMatchObject({ code: 'SDM_KERNEL_REFUSED' });
  });

  test('says where no device came of it', async () => {
    const silent = memory();
    tree.write({ [`${REGION}/state`]: 'hmem', [`${REGION}/node`]: '1' });
    await expect(silent.add(RANGE, 1)).rejects.toMatchObject({
      code: 'SDM_KERNEL_REFUSED',
      message: expect.stringContaining('made no device of it'),
    });
  });

  test('says what makes a device that kmem does not take', async () => {
    [eager, idle] = [false, true];
    await expect(memory().add(RANGE, 1)).rejects.toMatchObject({
      code: 'SDM_KERNEL_REFUSED',
      message: expect.stringMatching(/ENXIO.*region_idle is N/),
      details: { errno: 'ENXIO' },
    });
  });

  test('by the module itself, with a memory map of its own', async () => {
    await memory({ way: 'module', memmapOnMemory: true })
      .add(RANGE, 1)
      .catch(() => {});
    expect(written).toEqual([`${SDM}/add=${TEXT} 1 memmap`]);
  });
});

describe('remove', () => {
  test('takes it from kmem, then back; again, it is done', async () => {
    await memory().add(RANGE, 1);
    written = [];
    // as an agent whose configuration says otherwise by now
    await memory({ way: 'module', memmapOnMemory: false }).remove(RANGE);
    expect(written).toEqual([`${DAX}/drivers/kmem/unbind=dax1.0`, `${SDM}/unhmem=${TEXT}`]);
    await memory().remove(RANGE);
    expect(written).toHaveLength(2);
  });

  test('says who may take it from kmem, where the agent was root once', async () => {
    await memory().add(RANGE, 1);
    denied = [`${DAX}/drivers/kmem/unbind`];
    await expect(memory().remove(RANGE)).rejects.toMatchObject({
      code: 'SDM_KERNEL_REFUSED',
      message: expect.stringMatching(/only root may: run the agent as root$/),
    });
  });

  test('goes on where a crash came between', async () => {
    await memory().add(RANGE, 1);
    bound(undefined);
    written = [];
    await memory()
      .offline(RANGE, 1000)
      .catch(() => {});
    await memory().remove(RANGE);
    expect(written.at(-1)).toBe(`${SDM}/unhmem=${TEXT}`);
    expect(written).not.toContain(`${DAX}/drivers/kmem/unbind=dax1.0`);
  });

  test('never takes it from kmem while a block is online: that would be for good', async () => {
    await memory().add(RANGE, 1);
    tree.write({ [`${MEMORY}/memory4098/state`]: 'online\n' });
    written = [];
    await expect(memory().remove(RANGE)).rejects.toMatchObject({
      code: 'SDM_KERNEL_REFUSED',
      message: expect.stringContaining('is online: taken from kmem now'),
    });
    expect(written).toEqual([]);
  });
});

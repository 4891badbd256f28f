import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { chooseRegisters, deviceWanted } from '../../../src/agent/backend/choose.js';
import { findRegisters } from '../../../src/agent/backend/discover.js';
import { findSdmc } from '../../../src/agent/backend/sdmc.js';
import { findUio, listUio, namedUio, uioSource } from '../../../src/agent/backend/uio.js';
import type { RegisterBlockInfo } from '../../../src/native/types.js';
import { makeTree, type Tree } from '../tree.js';

const INFO = { nports: 32 } as RegisterBlockInfo;
const REGISTERS = '0000:00:02.0';

let tree: Tree | undefined;
afterEach(() => tree?.remove());

interface Uio {
  readonly title: string;
  readonly device: string;
  readonly size?: string;
  readonly map?: string;
  readonly offset?: string;
  readonly compatible?: string;
}

/** sysfs with UIO devices by number, and one ivshmem device. */
function sysfs(...devices: Uio[]): string {
  const files: Record<string, string> = {
    [`bus/pci/devices/${REGISTERS}/vendor`]: '0x1af4\n',
    [`bus/pci/devices/${REGISTERS}/device`]: '0x1110\n',
    [`bus/pci/devices/${REGISTERS}/resource`]: '',
  };
  devices.forEach(({ title, device, size, map = 'regs', offset = '0x0', compatible }, n) => {
    const at = `class/uio/uio${n}`;
    files[`${at}/name`] = `${title}\n`;
    if (size !== undefined) {
      files[`${at}/maps/map0/size`] = `${size}\n`;
      files[`${at}/maps/map0/name`] = `${map}\n`;
      files[`${at}/maps/map0/offset`] = `${offset}\n`;
    }
    files[`devices/${device}/there`] = '';
    if (compatible !== undefined) files[`devices/${device}/of_node/compatible`] = compatible;
  });
  tree = makeTree(files);
  for (const [n, { device }] of devices.entries()) {
    const link = join(tree.root, `class/uio/uio${n}/device`);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(`../../../devices/${device}`, link);
  }
  return tree.root;
}

const BLOCK = { size: '0x0000000000010000' };
const byName: Uio = { title: 'memport', device: 'a0000000.memport', ...BLOCK };
const byPci: Uio = { title: 'any', device: REGISTERS, ...BLOCK };
const byTree: Uio = {
  title: 'pl',
  device: 'a0000000.pl',
  compatible: 'xlnx,pl\0dredbox,memport-v1\0',
  ...BLOCK,
};
const unknown: Uio = { title: 'gpio', device: '80000000.gpio', ...BLOCK };

describe('listUio', () => {
  test('without UIO there is none', () => expect(listUio('/nonexistent')).toEqual([]));

  test('gives size and place of the first range, and the device behind', () => {
    const [uio] = listUio(sysfs(byName));
    expect(uio).toEqual({
      name: 'uio0',
      device: 'a0000000.memport',
      titles: ['memport', 'regs'],
      map: { size: 0x10000n, offset: 0n },
      likely: true,
    });
    expect(uioSource(uio!)).toEqual({ device: '/dev/uio0', size: 0x10000 });
  });

  test.each<[string, Uio, boolean]>([
    ['called after memports', byName, true],
    ['whose range is', { ...unknown, map: 'memport-registers' }, true],
    ['of an ivshmem device', byPci, true],
    ['of a node in the device tree', byTree, true],
    ['of anything else', unknown, false],
    ['as large as a pool', { ...byPci, size: '0x80000000' }, false],
    ['too small', { ...byName, size: '0x1000' }, false],
    ['with nothing to map', { title: 'memport', device: 'x' }, false],
    ['that begins within a page', { ...byName, offset: '0x40' }, false],
  ])('looks unasked at one %s: %#', (_, device, likely) => {
    expect(listUio(sysfs(device)).map((uio) => uio.likely)).toEqual([likely]);
  });
});

describe('findUio', () => {
  const noBlock = (): RegisterBlockInfo => {
    throw new Error('it is not formatted');
  };

  test('by its ID, and never looks into one that it does not know', () => {
    const looked: string[] = [];
    const { device } = findUio(listUio(sysfs(unknown, byTree)), 'auto', ({ name }) => {
      looked.push(name);
      return INFO;
    });
    expect([device.name, looked]).toEqual(['uio1', ['uio1']]);
  });

  test('where it was told, whatever that is called', () => {
    const devices = listUio(sysfs(byName, unknown));
    expect(findUio(devices, 'uio1', () => INFO).device.name).toBe('uio1');
    expect(findUio(devices, '80000000.gpio', () => INFO).device.name).toBe('uio1');
    expect(() => findUio(devices, 'uio1', noBlock)).toThrow('not formatted');
  });

  test.each<[string, Uio[], string, RegExp]>([
    ['none', [unknown], 'auto', /no UIO device looks like.*uio0 \(80000000\.gpio, gpio, regs\)/],
    ['no block', [byName], 'auto', /not formatted.*registers\.uio/],
    [
      'another',
      [byName],
      'uio4',
      /uio4 cannot be a register block: it is not there; UIO devices: uio0/,
    ],
    ['large', [{ ...byPci, size: '0x80000000' }], 'uio0', /2147483648 bytes is too large/],
    ['nothing to map', [{ title: 'x', device: 'x' }], 'uio0', /no range to map/],
  ])('refused, with a list of what there is: %s', (_, devices, wanted, message) => {
    expect(() => findUio(listUio(sysfs(...devices)), wanted, noBlock)).toThrow(
      expect.objectContaining({
        code: 'SDM_NO_REGISTERS',
        message: expect.stringMatching(message) as unknown,
      }),
    );
  });

  // What is named is also what `registers format` writes a header to.
  test.each<[string, Partial<Uio>, RegExp]>([
    ['within a page', { offset: '0x40' }, /begins 0x40 into a page/],
    ['too small', { size: '0x1000' }, /4096 bytes is too small/],
    ['as large as a pool', { size: '0x80000000' }, /2147483648 bytes is too large/],
  ])('refused by name: %s', (_, odd, message) => {
    const devices = listUio(sysfs(unknown, { ...byName, ...odd }));
    expect(namedUio(devices, 'uio0').name).toBe('uio0');
    expect(() => namedUio(devices, 'uio1')).toThrow(message);
    expect(() => namedUio(devices, 'a0000000.memport')).toThrow(message);
  });

  test('several: refused and listed', () => {
    const find = (): unknown => findUio(listUio(sysfs(byName, byTree)), 'auto', () => INFO);
    expect(find).toThrow(/several.*uio0.*uio1.*registers\.uio/);
  });
});

describe('chooseRegisters', () => {
  const auto = { backend: 'auto', pci: 'auto' } as const;
  const driver = (root: string, device: string): string => {
    mkdirSync(join(root, 'sdmc/devices', device), { recursive: true });
    return root;
  };

  test('leaves a choice as it is', () => {
    const root = driver(sysfs(byName), REGISTERS);
    const bar = { backend: 'bar', pci: 'auto' } as const;
    expect(chooseRegisters(root, bar)).toBe(bar);
  });

  test('the driver where it has registers, else UIO, else the BAR', () => {
    expect(chooseRegisters(driver(sysfs(byName), REGISTERS), auto)).toEqual({
      backend: 'sysfs',
      pci: 'auto',
    });
    tree?.remove();
    expect(chooseRegisters(sysfs(unknown, byName), auto)).toEqual({ backend: 'uio', uio: 'uio1' });
    tree?.remove();
    expect(chooseRegisters(sysfs(unknown), auto)).toEqual({
      backend: 'bar',
      pci: 'auto',
      tried: expect.stringMatching(/driver sdmc is not inserted.*no UIO device/),
    });
  });

  test('nothing by any way: all of them are named', () => {
    const chosen = chooseRegisters('/nonexistent', auto);
    const said = (tried?: string): string => {
      try {
        findRegisters([], 'auto', () => INFO, tried);
      } catch (error) {
        return (error as Error).message;
      }
      throw new Error('registers were found');
    };
    expect(said(chosen.backend === 'bar' ? chosen.tried : undefined)).toMatch(
      /sdmc.*`modprobe sdmc`, `dmesg \| grep sdmc`.*UIO.*1af4:1110.*has none\. .*docs\/zynq\.md$/,
    );
    // who asked for the BAR is not told of other ways
    expect(said()).toBe(
      'no ivshmem (1af4:1110) or sdm-memport (1af4:10f0) device holds a register block; ' +
        'this machine has none',
    );
  });

  test('of the device that is named, and of no other', () => {
    const named = { backend: 'auto', pci: REGISTERS } as const;
    const root = driver(sysfs(byName, byPci), '0000:00:07.0');
    expect(chooseRegisters(root, named)).toEqual({ backend: 'uio', uio: 'uio1' });
    tree?.remove();
    expect(chooseRegisters(driver(sysfs(byName), '0000:00:07.0'), named)).toEqual({
      backend: 'bar',
      pci: REGISTERS,
    });
  });

  test('of a device that is no PCI device, whichever driver it has', () => {
    const board = { ...auto, device: 'a0000000.memport' };
    const root = driver(sysfs(byPci, byName), '0000:00:07.0');
    expect(chooseRegisters(root, board)).toEqual({ backend: 'uio', uio: 'uio1' });
    const other = driver(root, 'b0000000.memport');
    const named = { ...board, device: 'b0000000.memport' };
    expect(chooseRegisters(other, named)).toEqual({ ...named, backend: 'sysfs' });
    expect(findSdmc(other, deviceWanted(named))).toBe('b0000000.memport');
    // it has no BAR to fall back to: the driver is missed, and not a PCI device
    const missed = { ...board, device: 'c0000000.memport' };
    expect(chooseRegisters(root, missed)).toEqual({ ...missed, backend: 'sysfs' });
    expect(() => findSdmc(root, deviceWanted(missed))).toThrow(/not bound to c0000000\.memport/);
  });
});

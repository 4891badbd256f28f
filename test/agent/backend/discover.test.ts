import { afterEach, describe, expect, test } from 'vitest';
import { featureBits } from '../../../src/abi/codec.js';
import { findPool, findRegisters } from '../../../src/agent/backend/discover.js';
import { IVSHMEM, listPciDevices, parseResources } from '../../../src/agent/backend/pci.js';
import type { RegisterBlockInfo } from '../../../src/native/types.js';
import { makeTree, type Tree } from '../tree.js';

const GIB = 1n << 30n;
const INFO: RegisterBlockInfo = {
  version: 1,
  features: 0n,
  nports: 32,
  windowBase: 0n,
  windowSize: 4n * GIB,
  remoteSize: 4n * GIB,
  granule: 2n << 20n,
  ntransceivers: 4,
  passive: true,
};

let tree: Tree | undefined;
afterEach(() => tree?.remove());

function hex(value: bigint): string {
  return `0x${value.toString(16).padStart(16, '0')}`;
}

/** sysfs with devices: address → id and size of BAR2. */
function bus(devices: Record<string, [id: string, size: bigint]>): string {
  const files: Record<string, string> = { 'devices/keep': '' };
  for (const [address, [id, size]] of Object.entries(devices)) {
    const [vendor, device] = id.split(':');
    const start = 0x80_0000_0000n;
    const zero = `${hex(0n)} ${hex(0n)} ${hex(0n)}\n`;
    const root = `bus/pci/devices/${address}`;
    files[`${root}/vendor`] = `0x${vendor}\n`;
    files[`${root}/device`] = `0x${device}\n`;
    files[`${root}/resource`] =
      `${hex(0x1000_0000n)} ${hex(0x1000_00ffn)} ${hex(0x40200n)}\n` +
      zero +
      (size === 0n ? zero : `${hex(start)} ${hex(start + size - 1n)} ${hex(0x14220cn)}\n`) +
      zero;
  }
  tree = makeTree(files);
  return tree.root;
}

const REGISTERS: [string, bigint] = [IVSHMEM.id, 0x1_0000n];
const POOL: [string, bigint] = [IVSHMEM.id, 4n * GIB];

describe('listPciDevices', () => {
  test('without PCI there is none', () => {
    expect(listPciDevices('/nonexistent')).toEqual([]);
  });

  test('devices of the id only, by address, with their BARs', () => {
    const root = bus({
      '0000:00:03.0': POOL,
      '0000:00:02.0': REGISTERS,
      '0000:00:01.0': ['1af4:1000', 0x4000n],
    });
    const devices = listPciDevices(root);
    expect(devices.map((d) => d.address)).toEqual(['0000:00:02.0', '0000:00:03.0']);
    expect(devices[1]?.resources).toEqual([
      { index: 0, start: 0x1000_0000n, end: 0x1000_00ffn, size: 0x100n },
      { index: 2, start: 0x80_0000_0000n, end: 0x80_ffff_ffffn, size: 4n * GIB },
    ]);
  });

  test('lines of a resource file that are no BAR', () => {
    expect(parseResources('')).toEqual([]);
    expect(parseResources('0x0 0x0 0x0\n\n')).toEqual([]);
  });
});

describe('findRegisters', () => {
  const identify = (): RegisterBlockInfo => INFO;
  const noBlock = (address: string): RegisterBlockInfo => {
    throw new Error(`${address} is not formatted`);
  };

  test('without a device it says so', () => {
    expect(() => findRegisters([], 'auto', identify)).toThrow(
      /no ivshmem \(1af4:1110\) or sdm-memport \(1af4:10f0\) device/,
    );
  });

  test('where it was told, and nowhere else', () => {
    const devices = listPciDevices(bus({ '0000:00:02.0': REGISTERS }));
    expect(findRegisters(devices, '0000:00:02.0', identify).device).toBe(devices[0]);
    expect(() => findRegisters(devices, '0000:00:07.0', identify)).toThrow(
      expect.objectContaining({
        code: 'SDM_NO_REGISTERS',
        message: expect.stringMatching(/0000:00:07\.0.*0000:00:02\.0 \(64 KiB/),
      }),
    );
    expect(() => findRegisters(devices, '0000:00:02.0', noBlock)).toThrow('not formatted');
  });

  test('by its ID; a pool is not even opened', () => {
    const devices = listPciDevices(bus({ '0000:00:02.0': POOL, '0000:00:03.0': REGISTERS }));
    const opened: string[] = [];
    const found = findRegisters(devices, 'auto', (address) => {
      opened.push(address);
      return INFO;
    });
    expect(found.device.address).toBe('0000:00:03.0');
    expect(opened).toEqual(['0000:00:03.0']);
  });

  test('none: what every device said', () => {
    const devices = listPciDevices(
      bus({ '0000:00:02.0': POOL, '0000:00:03.0': REGISTERS, '0000:00:04.0': [IVSHMEM.id, 0n] }),
    );
    expect(() => findRegisters(devices, 'auto', noBlock)).toThrow(
      /02\.0 \(4 GiB.*too large.*03\.0 .*not formatted.*04\.0 \(no BAR2\)/,
    );
  });

  test('several: refused and listed', () => {
    const devices = listPciDevices(bus({ '0000:00:02.0': REGISTERS, '0000:00:03.0': REGISTERS }));
    expect(() => findRegisters(devices, 'auto', identify)).toThrow(
      /several.*02\.0.*03\.0.*registers\.pci/,
    );
  });
});

describe('findPool', () => {
  function look(devices: Record<string, [string, bigint]>, wanted = 'auto', info = INFO) {
    const all = listPciDevices(bus({ '0000:00:02.0': REGISTERS, ...devices }));
    return findPool(all, wanted, { device: all[0]!, info });
  }

  test('the only other one of the right size', () => {
    const other: [string, bigint] = [IVSHMEM.id, 2n * GIB];
    const found = look({ '0000:00:03.0': POOL, '0000:00:04.0': other });
    expect(found.device.address).toBe('0000:00:03.0');
    expect(found.memory.start).toBe(0x80_0000_0000n);
  });

  test.each([
    ['no other', {}, 'auto', /of that size: none; other ones: none/],
    ['another size', { '0000:00:03.0': [IVSHMEM.id, GIB] }, 'auto', /other ones: .*03\.0 \(1 GiB/],
    ['two', { '0000:00:03.0': POOL, '0000:00:04.0': POOL }, 'auto', /Choose one/],
    ['not there', { '0000:00:03.0': POOL }, '0000:00:09.0', /where no ivshmem device is/],
    ['the registers', { '0000:00:03.0': POOL }, '0000:00:02.0', /where no ivshmem device is/],
  ] as const)('refused and listed: %s', (_, devices, wanted, message) => {
    expect(() => look(devices as unknown as Record<string, [string, bigint]>, wanted)).toThrow(
      expect.objectContaining({ code: 'SDM_NO_POOL', message: expect.stringMatching(message) }),
    );
  });

  test('one of another size where it was named, and the registers translate', () => {
    const large = { '0000:00:03.0': [IVSHMEM.id, 8n * GIB] } as Record<string, [string, bigint]>;
    const translating = { ...INFO, features: featureBits('translation') };
    expect(look(large, '0000:00:03.0', translating).memory.size).toBe(8n * GIB);
    expect(() => look(large, '0000:00:03.0')).toThrow(
      expect.objectContaining({
        code: 'SDM_NO_POOL',
        message: expect.stringMatching(/03\.0 \(8 GiB.*window of 4 GiB and do not translate/),
      }),
    );
  });
});

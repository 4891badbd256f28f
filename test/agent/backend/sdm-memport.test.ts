import { symlinkSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { featureBits } from '../../../src/abi/codec.js';
import { chooseRegisters } from '../../../src/agent/backend/choose.js';
import { findRegisters } from '../../../src/agent/backend/discover.js';
import {
  barOf,
  barPath,
  IVSHMEM,
  listPciDevices,
  PCI_KINDS,
  SDM_MEMPORT,
  type PciKind,
} from '../../../src/agent/backend/pci.js';
import { registersPlace } from '../../../src/agent/backend/place.js';
import { openPool } from '../../../src/agent/backend/pool.js';
import { listUio } from '../../../src/agent/backend/uio.js';
import type { RegisterBlockInfo } from '../../../src/native/types.js';
import { makeTree, type Tree } from '../tree.js';

const GIB = 1n << 30n;
const LOGIC = '0000:00:02.0';
const OTHER = '0000:00:03.0';
const INFO = {
  features: featureBits('translation', 'requests', 'transceivers', 'interrupts'),
  windowBase: 0x80_0000_0000n,
  windowSize: 64n * GIB,
  remoteSize: 4n * GIB,
  passive: false,
} as RegisterBlockInfo;

let tree: Tree | undefined;
afterEach(() => tree?.remove());

const hex = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

/** sysfs with devices: address → kind and sizes of BAR0 and BAR2. */
function bus(
  devices: Record<string, [kind: PciKind, bar0: bigint, bar2: bigint]>,
  more: Record<string, string> = {},
): string {
  const files: Record<string, string> = { 'devices/keep': '', ...more };
  for (const [address, [{ id }, bar0, bar2]] of Object.entries(devices)) {
    const [vendor, device] = id.split(':');
    const root = `bus/pci/devices/${address}`;
    const line = (start: bigint, size: bigint): string =>
      `${hex(start)} ${hex(start + size - 1n)} ${hex(0x40200n)}\n`;
    files[`${root}/vendor`] = `0x${vendor}\n`;
    files[`${root}/device`] = `0x${device}\n`;
    files[`${root}/resource`] =
      `${line(0x1000_0000n, bar0)}${hex(0n)} ${hex(0n)} ${hex(0n)}\n` + line(0x80_0000_0000n, bar2);
  }
  tree = makeTree(files);
  return tree.root;
}

const DEVICE: [PciKind, bigint, bigint] = [SDM_MEMPORT, 0x1_0000n, 64n * GIB];
const BLOCK: [PciKind, bigint, bigint] = [IVSHMEM, 0x100n, 0x1_0000n];
const POOL: [PciKind, bigint, bigint] = [IVSHMEM, 0x100n, 64n * GIB];

describe('the device sdm-memport', () => {
  test('has its registers in BAR0 and its window in BAR2; ivshmem has either in BAR2', () => {
    const root = bus({ [LOGIC]: DEVICE, [OTHER]: POOL });
    const [logic, pool] = listPciDevices(root);
    expect(logic).toMatchObject({ address: LOGIC, kind: SDM_MEMPORT });
    expect(barOf(logic!, 'registers')).toMatchObject({ index: 0, size: 0x1_0000n });
    expect(barOf(logic!, 'memory')).toMatchObject({ index: 2, size: 64n * GIB });
    expect(barOf(pool!, 'memory')).toMatchObject({ index: 2 });
    expect(barPath(root, LOGIC)).toBe(`${root}/bus/pci/devices/${LOGIC}/resource0`);
    expect(barPath(root, OTHER)).toBe(`${root}/bus/pci/devices/${OTHER}/resource2`);
    expect(listPciDevices(root, [IVSHMEM]).map(({ address }) => address)).toEqual([OTHER]);
    expect(new Set(PCI_KINDS.map(({ id }) => id)).size).toBe(PCI_KINDS.length);
  });

  test('is found by its ID, however large its window is', () => {
    const root = bus({ [LOGIC]: DEVICE });
    const opened: string[] = [];
    const found = findRegisters(listPciDevices(root), 'auto', (address) => {
      opened.push(address);
      return INFO;
    });
    expect(found.device.address).toBe(LOGIC);
    expect(opened).toEqual([LOGIC]);
    expect(findRegisters(listPciDevices(root), LOGIC, () => INFO).device.address).toBe(LOGIC);
  });

  test('beside a passive block is one of two: refused and listed', () => {
    const root = bus({ [LOGIC]: DEVICE, [OTHER]: BLOCK });
    expect(() => findRegisters(listPciDevices(root), 'auto', () => INFO)).toThrow(
      /several devices.*02\.0 \(64 KiB at 0x10000000\).*03\.0 \(64 KiB.*registers\.pci/,
    );
  });

  test('is what "auto" comes to without driver and UIO, by the address that was given', () => {
    const root = bus({ [LOGIC]: DEVICE });
    expect(chooseRegisters(root, { backend: 'auto', pci: LOGIC })).toEqual({
      backend: 'bar',
      pci: LOGIC,
    });
  });

  test('is known to a journal by the same place as through its driver', () => {
    expect(registersPlace('bar', LOGIC)).toBe(`bar ${LOGIC}`);
    expect(registersPlace('sysfs', LOGIC)).toBe(registersPlace('bar', LOGIC));
  });

  test('of a UIO driver is looked at without being named', () => {
    const root = bus(
      { [LOGIC]: DEVICE },
      {
        'class/uio/uio0/name': 'any\n',
        'class/uio/uio0/maps/map0/size': '0x10000\n',
        'class/uio/uio0/maps/map0/offset': '0x0\n',
      },
    );
    symlinkSync(`../../../bus/pci/devices/${LOGIC}`, `${root}/class/uio/uio0/device`);
    expect(listUio(root)).toMatchObject([{ name: 'uio0', device: LOGIC, likely: true }]);
  });

  const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
  const at = (info: RegisterBlockInfo) => ({ device: { address: LOGIC }, info });

  test.each([
    ['none', undefined],
    ['any', { pci: 'auto' }],
  ] as const)('has the pool behind itself where %s is configured', (_, wanted) => {
    const root = bus({ [LOGIC]: DEVICE, [OTHER]: POOL });
    expect(openPool(root, wanted, at(INFO), SILENT)).toEqual({ kind: 'remote', size: 4n * GIB });
  });

  test('is no pool, even where its window is as long as one', () => {
    const root = bus({ [LOGIC]: BLOCK, [OTHER]: DEVICE });
    const said: string[] = [];
    const log = { ...SILENT, warn: (_: object, text: string) => void said.push(text) };
    const passive = { ...INFO, features: 0n, passive: true };
    expect(openPool(root, { pci: 'auto' }, at(passive), log)).toBeUndefined();
    expect(openPool(root, { pci: OTHER }, at(passive), log)).toBeUndefined();
    expect(said[0]).toMatch(/^no pool: .*of that size: none; other ones: none/);
    expect(said[1]).toMatch(/^no pool: .*0000:00:03\.0, where no ivshmem device is; found: none/);
  });
});

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { COMMANDS } from '../../../src/agent/memory/window.js';

/** A made-up root of sysfs and procfs: files by path; a Buffer or text is its content. */
export type Tree = Record<string, string | Buffer | { readonly link: string }>;

export function writeTree(root: string, tree: Tree): void {
  for (const [path, content] of Object.entries(tree)) {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    if (typeof content === 'object' && 'link' in content) symlinkSync(content.link, full);
    else writeFileSync(full, content);
  }
}

export function pciDevice(address: string, base: bigint, size: bigint): Tree {
  const root = `sys/bus/pci/devices/${address}`;
  const line = (start: bigint, length: bigint) =>
    length === 0n
      ? `0x${'0'.repeat(16)} 0x${'0'.repeat(16)} 0x${'0'.repeat(16)}`
      : `0x${start.toString(16).padStart(16, '0')} ` +
        `0x${(start + length - 1n).toString(16).padStart(16, '0')} 0x000000000014220c`;
  return {
    [`${root}/vendor`]: '0x1af4\n',
    [`${root}/device`]: '0x1110\n',
    [`${root}/resource`]:
      [line(0x10000000n, 256n), line(0n, 0n), line(base, size), line(0n, 0n)].join('\n') + '\n',
  };
}

/** An auxiliary vector that says what the page size is. */
export function auxv(pageSize: number): Buffer {
  const words = BigUint64Array.of(16n, 0x1234n, 6n, BigInt(pageSize), 0n, 0n);
  return Buffer.from(words.buffer);
}

/** Big-endian triples, as in the property distance-matrix. */
export function distanceMatrix(...triples: [number, number, number][]): Buffer {
  const buffer = Buffer.alloc(triples.length * 12);
  triples.flat().forEach((cell, i) => buffer.writeUInt32BE(cell, i * 4));
  return buffer;
}

export const REGISTERS = '0000:00:02.0';
export const POOL = '0000:00:03.0';
export const POOL_BASE = 0x8000000000n;
export const POOL_SIZE = 0x100000000n;

/** A brick as `sdm rack` makes it, on which nothing is missing. */
export function brickTree(registers: Buffer): Tree {
  const node = 'sys/devices/system/node';
  const window = 'sys/class/misc/sdm-window';
  return {
    ...pciDevice(REGISTERS, 0x10010000n, 0x10000n),
    ...pciDevice(POOL, POOL_BASE, POOL_SIZE),
    [`sys/bus/pci/devices/${REGISTERS}/resource2`]: registers,
    'proc/sys/kernel/osrelease': '6.12.1-test\n',
    'proc/self/auxv': auxv(4096),
    'sys/kernel/security/lockdown': '[none] integrity confidentiality\n',
    'sys/devices/system/memory/block_size_bytes': '8000000\n',
    'sys/devices/system/memory/auto_online_blocks': 'offline\n',
    'sys/kernel/mm/numa/demotion_enabled': 'true\n',
    'sys/module/sdmc_mem/version': '1.1\n',
    ...Object.fromEntries(COMMANDS.map((name) => [`${window}/${name}`, ''])),
    [`${window}/window`]: '0x8000000000 0x100000000\n',
    [`${node}/possible`]: '0-2\n',
    [`${node}/online`]: '0\n',
    [`${node}/node0/meminfo`]: 'Node 0 MemTotal:  500000 kB\nNode 0 MemFree:  400000 kB\n',
    [`${node}/node0/distance`]: '10\n',
    [`${node}/node0/cpulist`]: '0\n',
    'sys/devices/virtual/memory_tiering/memory_tier4/nodelist': '0\n',
    'lib/modules/6.12.1-test/modules.dep':
      'kernel/drivers/dax/kmem.ko.xz: kernel/drivers/dax/dax.ko.xz\n' +
      'kernel/drivers/dax/hmem/dax_hmem.ko.xz: kernel/drivers/dax/dax.ko.xz\n',
    'lib/modules/6.12.1-test/modules.builtin': 'kernel/drivers/dax/dax.ko\n',
  };
}

/** The same block through the driver sdmc; the BAR cannot be opened then. */
export function sdmcTree(registers: Buffer): Tree {
  const { [`sys/bus/pci/devices/${REGISTERS}/resource2`]: _, ...rest } = brickTree(registers);
  const at = `sys/sdmc/devices/${REGISTERS}`;
  return {
    ...rest,
    [`sys/bus/pci/devices/${REGISTERS}/driver`]: { link: '/sys/bus/pci/drivers/sdmc' },
    [`${at}/registers`]: registers,
    [`${at}/window_base`]: `0x${POOL_BASE.toString(16)}\n`,
    [`${at}/epoch`]: '0x0\n',
    [`${at}/memport/memport0/set`]: '',
  };
}

/** A block with logic behind it in the device sdm-memport, whose window is BAR2; there is no other. */
export function logicTree(registers: Buffer, windowSize = 64n << 30n): Tree {
  const at = `sys/bus/pci/devices/${REGISTERS}`;
  const { [`${at}/resource2`]: _, ...rest } = Object.fromEntries(
    Object.entries(brickTree(registers)).filter(([path]) => !path.includes(POOL)),
  );
  const line = (start: bigint, size: bigint): string =>
    `0x${start.toString(16)} 0x${(start + size - 1n).toString(16)} 0x14220c\n`;
  return {
    ...rest,
    [`${at}/device`]: '0x10f0\n',
    [`${at}/resource`]: line(0x10000000n, 0x10000n) + '0x0 0x0 0x0\n' + line(POOL_BASE, windowSize),
    [`${at}/resource0`]: registers,
    'sys/class/misc/sdm-window/window': `0x8000000000 0x${windowSize.toString(16)}\n`,
  };
}

/** The same block in a UIO device. */
export function uioTree(registers: Buffer): Tree {
  const { [`sys/bus/pci/devices/${REGISTERS}/resource2`]: _, ...rest } = brickTree(registers);
  const at = 'sys/class/uio/uio3';
  return {
    ...rest,
    [`sys/bus/pci/devices/${REGISTERS}/driver`]: { link: '/sys/bus/pci/drivers/uio_sdm_test' },
    [`${at}/name`]: 'memport\n',
    [`${at}/maps/map0/size`]: '0x10000\n',
    [`${at}/maps/map0/offset`]: '0x0\n',
    [`${at}/device`]: { link: `../../../bus/pci/devices/${REGISTERS}` },
    'dev/uio3': registers,
  };
}

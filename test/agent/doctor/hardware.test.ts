import { describe, it } from 'vitest';
import { encodeOffset, featureBits } from '../../../src/abi/codec.js';
import { memport } from '../../abi/examples.js';
import {
  POOL,
  POOL_BASE,
  POOL_SIZE,
  REGISTERS,
  logicTree,
  pciDevice,
  sdmcTree,
  uioTree,
  type Tree,
} from '../probe/tree.js';
import { block, hexRange, holdRow, status, STRANGER, type Row } from './examining.js';

const DEVICES = 'sys/bus/pci/devices';
const range = (start: bigint): Parameters<typeof memport>[0] => ({
  start: POOL_BASE + start,
  end: POOL_BASE + start + 0x1fffffn,
  offset: encodeOffset(POOL_BASE + start, start),
  set: true,
  status: 1,
});
const others = { 'proc/self/status': status(STRANGER + 1) };
const iomem = (held: string, bar = POOL): string =>
  `10000000-3efeffff : pcie\n  ${hexRange(0x10010000n, 0x10000n)} : ${REGISTERS}\n${bar === REGISTERS ? held : ''}` +
  `8000000000-ffffffffff : pcie\n  ${hexRange(POOL_BASE, POOL_SIZE)} : ${POOL}\n${bar === POOL ? held : ''}`;

/** The sound brick, with what a driver makes of its registers in place of the BAR. */
const instead = (tree: Tree): Tree => ({
  ...Object.fromEntries(
    Object.entries(tree).filter(([path]) => /sys\/(sdmc|class\/uio)|^dev|\/driver$/.test(path)),
  ),
});
const sdmc = { ...instead(sdmcTree(block([]))), [`${DEVICES}/${REGISTERS}/resource2`]: undefined };
const uio = { ...instead(uioTree(block([]))), [`${DEVICES}/${REGISTERS}/resource2`]: undefined };

/** The device sdm-memport in place of both ivshmem devices. */
const logicBlock = block([], {
  features: featureBits('translation', 'requests', 'transceivers', 'interrupts'),
  windowBase: POOL_BASE,
  windowSize: 64n << 30n,
});
const logic = {
  ...logicTree(logicBlock),
  [`${DEVICES}/${POOL}/vendor`]: '0x8086\n',
  'proc/iomem':
    `10000000-3efeffff : pcie\n  ${hexRange(0x10000000n, 0x10000n)} : ${REGISTERS}\n` +
    `8000000000-ffffffffff : pcie\n  ${hexRange(POOL_BASE, 64n << 30n)} : ${REGISTERS}\n`,
};

const ROWS: Row[] = [
  ['registers with logic', { tree: logic }, 'registers', 'ok', { found: /window of 64 GiB/ }],
  ['a pool behind logic', { tree: logic }, 'pool', 'ok', { found: /^remote, 4 GiB$/ }],
  ['the way to logic', { tree: logic }, 'registers-source', 'ok', { found: /^the BAR of / }],
  ['the file of logic', { tree: logic }, 'registers-access', 'ok', { found: /resource0$/ }],
  ['a window of logic', { tree: logic }, 'pool-held', 'ok', { found: /02\.0 yet$/ }],
  [
    'a window of logic that a driver took',
    {
      tree: {
        ...logic,
        'proc/iomem': `${logic['proc/iomem']}    ${hexRange(POOL_BASE, 64n << 30n)} : other\n`,
      },
    },
    'pool-held',
    'problem',
    { found: /"other" at 0x8000000000/ },
  ],
  [
    'logic that is off, and who runs the agent may not enable it',
    { tree: { ...logic, [`${DEVICES}/${REGISTERS}/enable`]: '0\n' } },
    'pci',
    'problem',
    { command: /^echo 1 > .*0000:00:02\.0\/enable$/ },
  ],
  [
    'no device',
    {
      tree: {
        [`${DEVICES}/${REGISTERS}/vendor`]: '0x8086\n',
        [`${DEVICES}/${POOL}/vendor`]: '0x8086\n',
      },
    },
    'pci',
    'problem',
    { found: /1af4:1110.*1af4:10f0/, mend: /^if .* insert sdmc .*docs\/zynq\.md.*sdm rack up/ },
  ],
  [
    'a driver holds the pool',
    { tree: { [`${DEVICES}/${POOL}/driver`]: { link: '/sys/bus/pci/drivers/uio_ivshmem' } } },
    'pci',
    'problem',
    { command: /^echo 0000:00:03\.0 > \/sys\/bus\/pci\/drivers\/uio_ivshmem\/unbind$/ },
  ],
  [
    'a device is off, and root runs the agent',
    {
      tree: { [`${DEVICES}/${POOL}/enable`]: '0\n', 'proc/self/status': status(0, 1n << 21n) },
    },
    'pci',
    'ok',
    {},
  ],
  [
    'a device is off, and who runs the agent may not enable it',
    { tree: { [`${DEVICES}/${POOL}/enable`]: '0\n' } },
    'pci',
    'problem',
    { cause: /CAP_SYS_ADMIN/, command: /^echo 1 > .*0000:00:03\.0\/enable$/ },
  ],
  [
    'the block is not formatted',
    { tree: { [`${DEVICES}/${REGISTERS}/resource2`]: Buffer.alloc(0x10000) } },
    'registers',
    'problem',
    {
      command:
        /^sdm-agent registers format --pci 0000:00:02\.0 --window-size 0x100000000 --remote-size 0x100000000$/,
    },
  ],
  [
    'the registers are not where they are configured',
    { config: { registers: { backend: 'bar', pci: '0000:00:09.0' } } },
    'registers',
    'problem',
    { found: /0000:00:09\.0/, mend: /registers\.pci/ },
  ],
  [
    'the registers are of another user',
    { tree: others },
    'registers-access',
    'problem',
    { found: /resource2, which is/, mend: /as a service/ },
  ],
  [
    'the registers are of another user, who may pass by modes',
    { tree: { 'proc/self/status': status(STRANGER + 1, 1n << 1n) } },
    'registers-access',
    'ok',
    {},
  ],
  [
    'the registers may only be read',
    { modes: { [`${DEVICES}/${REGISTERS}/resource2`]: 0o400 } },
    'registers-access',
    'problem',
    { found: /0400/ },
  ],
  [
    'several devices could be the pool',
    { tree: pciDevice('0000:00:04.0', 0x9000000000n, POOL_SIZE) },
    'pool',
    'problem',
    { found: /Choose one/, mend: /"pool"/ },
  ],
  [
    'sdmc is bound, and the agent is to go past it',
    { tree: sdmc, config: { registers: { backend: 'bar' } } },
    'registers-source',
    'problem',
    {
      cause: /past it/,
      mend: /"auto" or "sysfs"/,
      command: /^echo 0000:00:02\.0 > \/sys\/bus\/pci\/drivers\/sdmc\/unbind$/,
    },
  ],
  [
    'sdmc is bound, and the agent goes through it',
    { tree: sdmc, config: { registers: { backend: 'auto' } } },
    'registers-source',
    'ok',
    { found: /the driver sdmc, bound to 0000:00:02\.0.* \(auto\)$/ },
  ],
  [
    'sdmc is bound, which is no problem then',
    { tree: sdmc, config: { registers: { backend: 'sysfs' } } },
    'pci',
    'ok',
    { found: /0000:00:02\.0 \(registers\): sdmc, 0000:00:03\.0 \(pool\): no driver/ },
  ],
  [
    'whoever runs the agent may not write to sdmc',
    {
      tree: { ...sdmc, ...others },
      config: { registers: { backend: 'sysfs' } },
    },
    'registers-access',
    'problem',
    { found: /memport0\/set, which is/ },
  ],
  [
    'sdmc is not inserted, and the agent needs it',
    { config: { registers: { backend: 'sysfs' } } },
    'registers-source',
    'problem',
    { command: /^modprobe sdmc$/, mend: /"auto"/ },
  ],
  [
    'a UIO device has the registers',
    { tree: uio, config: { registers: { backend: 'auto' } } },
    'registers-source',
    'ok',
    { found: /^\/dev\/uio3, of 0000:00:02\.0 \(auto\)$/ },
  ],
  [
    'a UIO device has the registers, and the agent may use it',
    { tree: uio, config: { registers: { backend: 'uio' } } },
    'registers-access',
    'ok',
    { found: /dev\/uio3/ },
  ],
  ['no pool is configured', { config: { pool: undefined } }, 'pool', 'ok', {}],
  [
    'something holds the registers',
    { tree: { 'proc/iomem': iomem(`    ${hexRange(0x10010000n, 0x1000n)} : uio\n`, REGISTERS) } },
    'registers-held',
    'problem',
    { found: /"uio" at 0x10010000-0x10010fff/, cause: /IO_STRICT_DEVMEM/ },
  ],
  [
    'something else holds the pool',
    {
      tree: { 'proc/iomem': iomem(`    ${hexRange(POOL_BASE, 1n << 28n)} : System RAM (kmem)\n`) },
    },
    'pool-held',
    'problem',
    { found: /kmem/, cause: /parked/ },
  ],
  [
    'the pool is parked, and RAM lies in it',
    {
      tree: {
        'proc/iomem': iomem(
          `    ${hexRange(POOL_BASE, POOL_SIZE)} : sdm-window\n` +
            `      ${hexRange(POOL_BASE + (1n << 28n), 1n << 28n)} : System RAM (sdmc_mem)\n`,
        ),
      },
    },
    'pool-held',
    'ok',
    { found: /parked/ },
  ],
  [
    'nothing holds the pool',
    { tree: { 'proc/iomem': iomem('') } },
    'pool-held',
    'ok',
    { found: /nothing/ },
  ],
  [
    '/proc/iomem hides addresses',
    { tree: { 'proc/iomem': `00000000-00000000 : ${REGISTERS}\n00000000-00000000 : ${POOL}\n` } },
    'pool-held',
    'note',
    { mend: /root/ },
  ],
  [
    'memports are set that no journal knows',
    { tree: { [`${DEVICES}/${REGISTERS}/resource2`]: block([memport(range(0x200000n))]) } },
    'foreign',
    'warning',
    { found: /: 0$/, command: /^sdm-agent memport clear 0 --override$/ },
  ],
  [
    'a link is down',
    { tree: { [`${DEVICES}/${REGISTERS}/resource2`]: block([], { linkStatus: 0b1101n }) } },
    'links',
    'warning',
    { found: /down: 1 of 4/, command: /transceiver reset 1/ },
  ],
  [
    'all links are down',
    { tree: { [`${DEVICES}/${REGISTERS}/resource2`]: block([], { linkStatus: 0n }) } },
    'links',
    'problem',
    { cause: /SDM_LINK_DOWN/, mend: /LINK_STATUS/ },
  ],
];

describe('registers and pool', () => {
  it.each(ROWS)('%s', (...row) => holdRow(row));
});

import { gzipSync } from 'node:zlib';
import { describe, it } from 'vitest';
import { auxv } from '../probe/tree.js';
import { holdRow, moduleFile, RELEASE, status, STRANGER, type Row } from './examining.js';

const CONFIG = `boot/config-${RELEASE}`;
const MEMORY = 'sys/devices/system/memory';
const WINDOW = 'sys/class/misc/sdm-window';
const MODULES = `lib/modules/${RELEASE}`;
const others = { 'proc/self/status': status(STRANGER + 1) };
const no = (...names: string[]) => Object.fromEntries(names.map((name) => [name, undefined]));
/** A tree in which sdmc_mem is not inserted. */
const bare = {
  ...no('sys/module/sdmc_mem/version', 'sys/module/sdmc_mem/srcversion', 'dev/sdm-window'),
  ...no(...['claim', 'release', 'add', 'remove', 'expose'].map((name) => `${WINDOW}/${name}`)),
  ...no(
    ...['conceal', 'flush', 'scrub', 'verify', 'explain', 'window'].map((n) => `${WINDOW}/${n}`),
  ),
};

const KERNEL: Row[] = [
  [
    'it is locked down',
    { tree: { 'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' } },
    'lockdown',
    'problem',
    { found: /integrity/, cause: /resource2/, mend: /lockdown=none/ },
  ],
  [
    'lockdown cannot be read, but registers are mapped',
    { tree: no('sys/kernel/security/lockdown') },
    'lockdown',
    'ok',
    { found: /registers are mapped/ },
  ],
  [
    'lockdown cannot be read, nor registers',
    {
      tree: {
        ...no('sys/kernel/security/lockdown'),
        'sys/bus/pci/devices/0000:00:02.0/resource2': '',
      },
    },
    'lockdown',
    'note',
    { command: /securityfs/ },
  ],
  [
    'it has no lockdown',
    { tree: { ...no('sys/kernel/security/lockdown'), [CONFIG]: 'CONFIG_DEVMEM=y\n' } },
    'lockdown',
    'ok',
    { found: /cannot be locked/ },
  ],
  [
    'its configuration is not there',
    { tree: no(CONFIG) },
    'devmem',
    'note',
    { found: /config\.gz/ },
  ],
  [
    'its configuration is in /proc',
    {
      tree: {
        ...no(CONFIG),
        'proc/config.gz': gzipSync('CONFIG_DEVMEM=y\nCONFIG_STRICT_DEVMEM=y\n'),
      },
    },
    'devmem',
    'ok',
    { found: /\/proc\/config\.gz/ },
  ],
  [
    'STRICT_DEVMEM is off',
    { tree: { [CONFIG]: 'CONFIG_DEVMEM=y\n' } },
    'devmem',
    'warning',
    { cause: /\/dev\/mem/ },
  ],
  ['there is no /dev/mem', { tree: { [CONFIG]: 'CONFIG_X=y\n' } }, 'devmem', 'ok', {}],
  [
    'IO_STRICT_DEVMEM is off',
    { tree: { [CONFIG]: 'CONFIG_DEVMEM=y\n' } },
    'io-devmem',
    'note',
    { cause: /first page.*parking/ },
  ],
  [
    'IO_STRICT_DEVMEM is not known',
    { tree: no(CONFIG) },
    'io-devmem',
    'note',
    { found: /not known/ },
  ],
  [
    'iomem=relaxed',
    { tree: { 'proc/cmdline': 'iomem=relaxed quiet\n' } },
    'io-devmem',
    'note',
    { found: /iomem=relaxed/ },
  ],
  [
    'it cannot hot-plug memory',
    { tree: no(`${MEMORY}/block_size_bytes`) },
    'hotplug',
    'problem',
    { mend: /MEMORY_HOTPLUG/ },
  ],
  [
    'it cannot remove memory',
    { tree: { [CONFIG]: 'CONFIG_STRICT_DEVMEM=y\n' } },
    'hotplug',
    'problem',
    { found: /not remove/ },
  ],
  [
    'it onlines into a kernel zone',
    { tree: { [`${MEMORY}/auto_online_blocks`]: 'online\n' } },
    'auto-online',
    'note',
    { cause: /kernel zone.*agent switches/, command: /^echo offline >/ },
  ],
  [
    'it onlines as movable',
    { tree: { [`${MEMORY}/auto_online_blocks`]: 'online_movable\n' } },
    'auto-online',
    'note',
    { cause: /behind the agent/ },
  ],
  [
    '/sys is read-only',
    {
      tree: {
        'proc/self/mountinfo':
          '1 0 8:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / /sys ro - sysfs none rw\n',
      },
    },
    'block-access',
    'problem',
    { command: /remount,rw \/sys/ },
  ],
  [
    'blocks are of another user',
    { tree: others },
    'block-access',
    'problem',
    { found: /auto_online_blocks|memory0/ },
  ],
  [
    'blocks have pages of 64 KiB',
    {
      tree: { [`${MEMORY}/block_size_bytes`]: '20000000\n', 'proc/self/auxv': auxv(65536) },
      config: { shares: [{ start: '0x20000000', size: '0x40000000' }] },
    },
    'memory-block',
    'warning',
    { found: /512 MiB, pages of 64 KiB/, cause: /512 MiB and more at a time/ },
  ],
  [
    'no share holds a block',
    { config: { shares: [{ start: '0x200000', size: '0x8000000' }] } },
    'memory-block',
    'problem',
    { found: /no share/, mend: /multiple of 128 MiB/ },
  ],
  [
    'one of two shares holds a block',
    {
      config: {
        shares: [
          { start: '0x200000', size: '0x200000' },
          { start: '0x8000000', size: '0x8000000' },
        ],
      },
    },
    'memory-block',
    'warning',
    { found: /shares\[0\] of/ },
  ],
  [
    'the memory map takes most of what is free',
    {
      tree: {
        'sys/devices/system/node/node0/meminfo':
          'Node 0 MemTotal: 40000 kB\nNode 0 MemFree: 20000 kB\n',
      },
    },
    'memory-map',
    'warning',
    { found: /16 MiB.*19\.5 MiB are free/ },
  ],
  [
    'memmap_on_memory is on',
    { tree: { 'sys/module/memory_hotplug/parameters/memmap_on_memory': 'Y\n' } },
    'memory-map',
    'note',
    { found: /memory\.memmapOnMemory is not set/ },
  ],
  [
    'memmap_on_memory is on, and wanted',
    {
      config: { memory: { memmapOnMemory: true } },
      tree: { 'sys/module/memory_hotplug/parameters/memmap_on_memory': 'Y\n' },
    },
    'memory-map',
    'ok',
    { found: /map of its own pages/ },
  ],
  [
    'memmap_on_memory is wanted, and off',
    {
      config: { memory: { memmapOnMemory: true } },
      tree: { 'sys/module/memory_hotplug/parameters/memmap_on_memory': 'N\n' },
    },
    'memory-map',
    'problem',
    { mend: /memory_hotplug\.memmap_on_memory=1/ },
  ],
  [
    'memmap_on_memory is off',
    { tree: { 'sys/module/memory_hotplug/parameters/memmap_on_memory': 'N\n' } },
    'memory-map',
    'ok',
    {},
  ],
];

const DRIVERS = {
  'sys/bus/platform/drivers/hmem/bind': '',
  'sys/bus/dax/drivers/kmem/bind': '',
  'sys/bus/dax/drivers/kmem/unbind': '',
};
const kmem = (tree: Row[1]['tree'], modes?: Row[1]['modes']): Row[1] => ({
  config: { memory: { way: 'kmem' } },
  tree: { ...DRIVERS, ...tree },
  ...(modes && { modes }),
});

const WAY: Row[] = [
  ['is by sdmc_mem', {}, 'memory-way', 'ok', { found: /by sdmc_mem/ }],
  ['is by kmem', kmem({}), 'memory-way', 'ok', { found: /may command kmem/ }],
  [
    'is by kmem, which is not there',
    kmem({ ...no('sys/bus/dax/drivers/kmem/bind', 'sys/bus/dax/drivers/kmem/unbind') }),
    'memory-way',
    'problem',
    { found: /kmem is not there$/, command: /^modprobe -a kmem$/ },
  ],
  [
    'is by kmem, which may be bound and not unbound',
    kmem({}, { 'sys/bus/dax/drivers/kmem/unbind': 0o400 }),
    'memory-way',
    'problem',
    { found: /may not write .*kmem\/unbind, which is .* 0400/, mend: /"module"/ },
  ],
  [
    'is by kmem, of another user',
    kmem(others),
    'memory-way',
    'problem',
    { found: /kmem\/bind, which is/, cause: /only root/ },
  ],
  [
    'is by kmem, and a range may not be announced',
    kmem({ [`${WINDOW}/hmem`]: '' }, { [`${WINDOW}/hmem`]: 0o400 }),
    'window-access',
    'problem',
    { found: /sdm-window\/hmem/ },
  ],
  [
    'is by sdmc_mem, which needs to announce nothing',
    { tree: { [`${WINDOW}/hmem`]: '' }, modes: { [`${WINDOW}/hmem`]: 0o400 } },
    'window-access',
    'ok',
    {},
  ],
];

const MODULE: Row[] = [
  [
    'it is not inserted',
    { tree: bare },
    'module',
    'problem',
    { found: /updates\/sdmc_mem\.ko/, command: /^modprobe sdmc_mem$/ },
  ],
  [
    'it lies where depmod does not look',
    {
      tree: {
        ...bare,
        [`${MODULES}/modules.dep`]: '',
        ...no(`${MODULES}/updates/sdmc_mem.ko`),
        'opt/sdm/sdmc_mem.ko': moduleFile(RELEASE),
      },
    },
    'module',
    'problem',
    { command: /^insmod \/opt\/sdm\/sdmc_mem\.ko$/ },
  ],
  [
    'it is nowhere',
    { tree: { ...bare, [`${MODULES}/modules.dep`]: '', ...no(`${MODULES}/updates/sdmc_mem.ko`) } },
    'module',
    'problem',
    {
      found: /not on disk/,
      command: /^make -C kernel module.* kernel\/out\/module\/sdmc_mem\/sdmc_mem\.ko .*modprobe/,
    },
  ],
  [
    'it is for another kernel',
    { tree: { ...bare, [`${MODULES}/updates/sdmc_mem.ko`]: moduleFile('6.1.0') } },
    'module-file',
    'problem',
    { found: /built for 6\.1\.0, and 6\.12\.1-test runs/, command: /^make/ },
  ],
  [
    'it is for another kernel, and would have to be built',
    { tree: { ...bare, [`${MODULES}/updates/sdmc_mem.ko`]: moduleFile('6.1.0') } },
    'module',
    'problem',
    { command: /^make/ },
  ],
  [
    'symbols have versions, so the release does not matter',
    { tree: { [`${MODULES}/updates/sdmc_mem.ko`]: moduleFile('6.12.0 SMP modversions') } },
    'module-file',
    'ok',
    {},
  ],
  [
    'the next one is for another kernel',
    { tree: { [`${MODULES}/updates/sdmc_mem.ko`]: moduleFile('6.1.0') } },
    'module-file',
    'warning',
    { cause: /after a reboot/ },
  ],
  [
    'another build of it is inserted',
    { tree: { 'sys/module/sdmc_mem/srcversion': 'BBBB\n' } },
    'module-file',
    'note',
    { command: /rmmod/ },
  ],
  [
    'it is inserted and not on disk',
    { tree: { [`${MODULES}/modules.dep`]: '', ...no(`${MODULES}/updates/sdmc_mem.ko`) } },
    'module-file',
    'note',
    { cause: /reboot/ },
  ],
  [
    'it is compressed, and modinfo reads it',
    {
      tree: {
        [`${MODULES}/modules.dep`]: 'updates/sdmc_mem.ko.xz:\n',
        [`${MODULES}/updates/sdmc_mem.ko.xz`]: 'xz',
      },
      options: {
        modinfo: (path) =>
          Promise.resolve(
            `filename:       ${path}\nversion:        1.0\nvermagic:       6.1.0 SMP\n`,
          ),
      },
    },
    'module-file',
    'warning',
    { found: /6\.1\.0/ },
  ],
  [
    'it is compressed, and there is no modinfo',
    {
      tree: {
        [`${MODULES}/modules.dep`]: 'updates/sdmc_mem.ko.xz:\n',
        [`${MODULES}/updates/sdmc_mem.ko.xz`]: 'xz',
      },
      options: { modinfo: () => Promise.reject(new Error('none')) },
    },
    'module-file',
    'note',
    { found: /compressed/ },
  ],
  [
    'it is of another version',
    { tree: { 'sys/module/sdmc_mem/version': '9.0\n' } },
    'module',
    'problem',
    { found: /9\.0/, command: /^rmmod sdmc_mem && modprobe/ },
  ],
  [
    'modules must be signed',
    { tree: { ...bare, 'sys/module/module/parameters/sig_enforce': 'Y\n' } },
    'module-signing',
    'problem',
    { mend: /sign/ },
  ],
  [
    'modules must be signed, and it is inserted',
    { tree: { 'sys/module/module/parameters/sig_enforce': 'Y\n' } },
    'module-signing',
    'ok',
    {},
  ],
  [
    'it holds another window',
    { tree: { [`${WINDOW}/window`]: '0x9000000000 0x100000000\n' } },
    'window',
    'problem',
    { found: /0x9000000000.*needs 0x8000000000/, command: /^echo none >/ },
  ],
  [
    'it holds no window',
    { tree: { [`${WINDOW}/window`]: 'none\n' } },
    'window',
    'ok',
    { found: /no window/ },
  ],
  [
    'its attributes are of another user',
    { tree: others },
    'window-access',
    'problem',
    { found: /sdm-window\/claim/ },
  ],
  [
    'its attributes may not be written',
    { modes: { [`${WINDOW}/scrub`]: 0o400 } },
    'window-access',
    'problem',
    { found: /sdm-window\/scrub/ },
  ],
  [
    'its device is missing',
    { tree: no('dev/sdm-window') },
    'window-device',
    'problem',
    { command: /^mknod/ },
  ],
  [
    'its device is open to all',
    { modes: { 'dev/sdm-window': 0o666 } },
    'window-device',
    'warning',
    { command: /chmod 0660/ },
  ],
  [
    'its device is for root alone',
    { modes: { 'dev/sdm-window': 0o600 } },
    'window-device',
    'note',
    { cause: /only root/, command: /^chgrp sdm/ },
  ],
];

const NODE = 'sys/devices/system/node';
const LIMITS = (files: string, size: string) => ({
  'proc/self/limits': `Max file size  ${size} ${size} bytes\nMax open files  1024 ${files} files\n`,
});

const REST: Row[] = [
  [
    'the node is not possible',
    { config: { node: 5 } },
    'numa-node',
    'problem',
    { found: /only 0, 1, 2/, mend: /"node": 1/ },
  ],
  [
    'the node is a local one',
    { config: { node: 0 } },
    'numa-node',
    'note',
    { found: /processors/ },
  ],
  [
    'demotion is off',
    { tree: { 'sys/kernel/mm/numa/demotion_enabled': 'false\n' } },
    'demotion',
    'note',
    { command: /demotion_enabled/ },
  ],
  [
    'there is no demotion',
    { tree: no('sys/kernel/mm/numa/demotion_enabled') },
    'demotion',
    'note',
    { found: /no demotion/ },
  ],
  [
    'few files may be opened',
    { tree: LIMITS('256', 'unlimited') },
    'open-files',
    'warning',
    { found: /256/, command: /ulimit -n/ },
  ],
  [
    'files are limited',
    { tree: LIMITS('4096', '1048576') },
    'file-size',
    'warning',
    { found: /1 MiB/ },
  ],
  [
    'a control group limits memory',
    {
      tree: {
        'sys/fs/cgroup/user.slice/memory.max': '1073741824\n',
        'sys/fs/cgroup/user.slice/session.scope/memory.max': 'max\n',
      },
    },
    'memory-limit',
    'note',
    { found: /\/user\.slice may use 1 GiB/, cause: /remote memory counts/ },
  ],
  [
    'a control group leaves too little for the agent',
    { tree: { 'sys/fs/cgroup/user.slice/memory.max': '67108864\n' } },
    'memory-limit',
    'warning',
    { found: /64 MiB/ },
  ],
  [
    'a control group has other nodes',
    { tree: { 'sys/fs/cgroup/user.slice/cpuset.mems': '0\n' } },
    'cpuset',
    'note',
    { command: /^echo 0,1 > \/sys\/fs\/cgroup\/user\.slice\/cpuset\.mems$/ },
  ],
  [
    'a control group has the node',
    { tree: { 'sys/fs/cgroup/user.slice/cpuset.mems': '0-2\n' } },
    'cpuset',
    'ok',
    {},
  ],
  [
    'promises are kept',
    { tree: { 'proc/sys/vm/overcommit_memory': '2\n' } },
    'overcommit',
    'note',
    { command: /^sysctl/ },
  ],
  [
    'the kernel shows other distances',
    {
      tree: {
        [`${NODE}/online`]: '0-1\n',
        [`${NODE}/node0/distance`]: '10 20\n',
        [`${NODE}/node1/distance`]: '20 10\n',
        'proc/device-tree/distance-map/distance-matrix': Buffer.from([
          0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 40,
        ]),
      },
    },
    'distances',
    'note',
    { found: /0-1 is 20, not 40/ },
  ],
];

describe('the kernel', () => {
  it.each(KERNEL)('%s', (...row) => holdRow(row));
});
describe('the way to RAM', () => {
  it.each(WAY)('%s', (...row) => holdRow(row));
});
describe('the module', () => {
  it.each(MODULE)('%s', (...row) => holdRow(row));
});
describe('nodes and limits', () => {
  it.each(REST)('%s', (...row) => holdRow(row));
});

import { join } from 'node:path';
import { hex } from '../../abi/codec.js';
import type { Native } from '../../native/types.js';
import type { Kernel } from '../api/brick-schema.js';
import { readBlockSize } from '../memory/blocks.js';
import { readPageSize } from '../memory/page-size.js';
import { readPolicy } from '../memory/policy.js';
import { readNames, readText } from '../memory/sysfs.js';
import { WindowModule } from '../memory/window.js';
import type { RegionView } from '../types.js';

const WAYS = ['dax', 'device_dax', 'kmem', 'dax_hmem'] as const;

/** What the kernel under `root` ("/" but for tests) offers for memory that comes and goes. */
export function readKernel(root: string): Kernel {
  const sysfs = join(root, 'sys');
  const release = readText(join(root, 'proc/sys/kernel/osrelease')) ?? 'unknown';
  const blockSize = readBlockSize(sysfs);
  const demotion = readText(join(sysfs, 'kernel/mm/numa/demotion_enabled'));
  return {
    release,
    pageSize: readPageSize(root) ?? null,
    lockdown: lockdown(sysfs),
    hotplug: blockSize !== undefined,
    blockSize: blockSize === undefined ? null : hex(blockSize),
    autoOnline: readPolicy(sysfs) ?? null,
    memoryProbe: readNames(join(sysfs, 'devices/system/memory')).includes('probe'),
    demotion: demotion === undefined ? null : ['1', 'true', 'Y'].includes(demotion),
    module: readModule(sysfs),
    ways: readWays(root, release),
  };
}

/** The ranges that sdmc_mem holds. */
export function readRegions(root: string): RegionView[] {
  return new WindowModule(neverWrites, join(root, 'sys')).regions();
}

function readModule(sysfs: string): Kernel['module'] {
  const module = new WindowModule(neverWrites, sysfs);
  if (!module.present()) {
    return { loaded: false, version: null, mismatch: null, readable: false, window: null };
  }
  const window = module.window();
  return {
    loaded: true,
    version: module.version() ?? null,
    mismatch: module.mismatch() ?? null,
    readable: module.readable(),
    window: window === undefined ? null : { start: hex(window.start), size: hex(window.size) },
  };
}

const neverWrites: Pick<Native, 'writeWithDeadline'> = {
  writeWithDeadline: () => Promise.reject(new Error('probe changes nothing')),
};

/** The kernel's own ways to add memory of a device: in the kernel, or as files of modules. */
function readWays(root: string, release: string): Kernel['ways'] {
  const modules = join(root, 'lib/modules', release);
  // modules.dep and modules.builtin name files: kernel/drivers/dax/kmem.ko.xz
  const names = (file: string): Set<string> =>
    new Set(
      [
        ...(readText(join(modules, file)) ?? '').matchAll(/([^/\s]+)\.ko(?:\.[a-z]+)?(?=[:\s]|$)/g),
      ].map((match) => (match[1] ?? '').replaceAll('-', '_')),
    );
  const present = new Set([...readNames(join(root, 'sys/module')), ...names('modules.builtin')]);
  const available = names('modules.dep');
  return WAYS.map((module) => ({
    module,
    state: present.has(module) ? 'loaded' : available.has(module) ? 'available' : 'absent',
  }));
}

/** The choice in brackets of "none [integrity] confidentiality"; null where it cannot be read. */
function lockdown(sysfs: string): string | null {
  const text = readText(join(sysfs, 'kernel/security/lockdown'));
  return /\[([a-z]+)\]/.exec(text ?? '')?.[1] ?? null;
}

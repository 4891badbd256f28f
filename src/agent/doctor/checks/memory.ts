import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SdmError } from '../../../common/errors.js';
import { formatSize, roughSize } from '../../../common/units.js';
import { checkKmem } from '../../memory/kmem.js';
import { readText } from '../../memory/sysfs.js';
import { note, ok, problem, warning, type Finding } from '../finding.js';
import { mayAccess, ownership } from '../read/runner.js';
import type { Surroundings } from '../surroundings.js';

/** The unit of remote memory where nothing else is said. */
const SEGMENT = 256n << 20n;
/** `struct page`, one for each page of memory. */
const PAGE_STRUCT = 64n;
/** Of the kernel's command line. */
const PARAMETER = 'memory_hotplug.memmap_on_memory=1';

/** What the sizes of pages, blocks, granules and shares mean for each other, and how ranges become RAM. */
export function* memory(s: Surroundings): Generator<Finding> {
  yield memoryBlock(s);
  yield memoryMap(s);
  yield memoryWay(s);
}

/** What is attached as system RAM comes in multiples of it, bytes. */
function unitOf({ brick }: Surroundings): bigint | undefined {
  const { blockSize } = brick.kernel;
  if (blockSize === null) return undefined;
  const block = BigInt(blockSize);
  const granule = BigInt(brick.registers?.granule ?? '0x0');
  return granule > block ? granule : block;
}

function memoryBlock(s: Surroundings): Finding {
  const { pageSize, blockSize } = s.brick.kernel;
  const unit = unitOf(s);
  if (unit === undefined || blockSize === null) {
    return note('memory-block', 'the size of memory blocks cannot be read');
  }
  const block = BigInt(blockSize);
  const pages = pageSize === null ? '' : `, pages of ${formatSize(BigInt(pageSize))}`;
  const found = `memory blocks of ${formatSize(block)}${pages}`;
  const small = tooSmall(s, unit);
  if (small.length > 0 && small.length === ownShares(s).length) {
    return problem(
      'memory-block',
      `${found}, and no share of this brick holds ${formatSize(unit)} at a multiple of it`,
      'system RAM comes in whole memory blocks: nothing can be attached as such',
      {
        mend:
          `give this brick a share that starts at a multiple of ${formatSize(unit)} of the window ` +
          'and is as long, or boot a kernel with smaller pages',
      },
    );
  }
  if (block > SEGMENT) {
    return warning(
      'memory-block',
      found,
      `a segment is ${formatSize(SEGMENT)}, so system RAM takes ${formatSize(unit)} and more at a ` +
        'time; kernels with pages of 64 KiB have such blocks',
      { mend: 'ask for multiples of it, or boot a kernel with pages of 4 KiB' },
    );
  }
  if (small.length === 0) return ok('memory-block', found);
  const shares = small.map((i) => `shares[${i}]`).join(', ');
  return warning(
    'memory-block',
    `${found}; ${shares} of the configuration hold none at a multiple of that`,
    'system RAM cannot be attached from there, only mode device',
    { mend: `let shares start at multiples of ${formatSize(unit)} of the window` },
  );
}

function ownShares({ settings }: Surroundings): { index: number; start: bigint; end: bigint }[] {
  return settings.shares.flatMap(({ start, size, shared }, index) =>
    shared ? [] : [{ index, start, end: start + size }],
  );
}

/** Own shares in which no whole unit fits, by their place in the configuration. */
function tooSmall(s: Surroundings, unit: bigint): number[] {
  const { registers, pool } = s.brick;
  if (registers === null) return [];
  const granule = BigInt(registers.granule);
  // Without translation the place in the share decides where it appears in the window.
  const shift = registers.translation ? 0n : BigInt(registers.windowBase);
  const least = registers.translation ? granule : unit;
  const limit = BigInt(pool?.size ?? registers.remoteSize);
  return ownShares(s).flatMap(({ index, start, end }) => {
    const from = start < granule ? granule : start;
    const first = ((from + shift + least - 1n) / least) * least - shift;
    return first + unit <= (end < limit ? end : limit) ? [] : [index];
  });
}

function memoryMap(s: Surroundings): Finding {
  const { pageSize } = s.brick.kernel;
  const total = ownShares(s).reduce((sum, { start, end }) => sum + (end - start), 0n);
  const cost = (total / BigInt(pageSize ?? 4096)) * PAGE_STRUCT;
  const asked = readText(join(s.root, 'sys/module/memory_hotplug/parameters/memmap_on_memory'));
  const on = asked !== undefined && !['N', '0'].includes(asked);
  const wanted = s.settings.memory?.memmapOnMemory === true;
  if (wanted && !on) return notAllowed();
  if (wanted) {
    return ok('memory-map', 'each range holds the map of its own pages (memory.memmapOnMemory)');
  }
  const unused = on ? '; memmap_on_memory is on, and memory.memmapOnMemory is not set' : '';
  if (total === 0n) return ok('memory-map', `nothing to attach as system RAM${unused}`);
  const free = s.brick.numa.nodes.reduce((sum, node) => sum + BigInt(node.freeBytes), 0n);
  const found =
    `all ${formatSize(total)} of its shares as system RAM take ${roughSize(cost)} of this brick's ` +
    `own memory, of which ${roughSize(free)} are free${unused}`;
  const cause =
    'the kernel keeps 64 bytes for each page, in memory that was there before: a slow tier would ' +
    'make all of it slow';
  if (cost * 2n < free) return on ? note('memory-map', found, cause) : ok('memory-map', found);
  const boot = on ? '' : ` and boot with ${PARAMETER}`;
  return warning('memory-map', found, cause, {
    mend:
      'attach less at a time, give the brick more memory of its own, or set ' +
      `memory.memmapOnMemory${boot}: the map lies in the slow memory then`,
  });
}

function notAllowed(): Finding {
  return problem(
    'memory-map',
    'memory.memmapOnMemory is set, and the kernel does not allow it',
    'nothing can be attached as system RAM: a range cannot hold the map of its own pages',
    { mend: `boot with ${PARAMETER}, or set memory.memmapOnMemory to false` },
  );
}

/** Asked with the rights of whoever runs the agent. */
function memoryWay(s: Surroundings): Finding {
  const { root, runner, groups, settings } = s;
  if (settings.memory?.way !== 'kmem') return ok('memory-way', 'ranges become RAM by sdmc_mem');
  const way = 'memory.way is "kmem"';
  const cause = 'nothing can be attached as system RAM';
  try {
    checkKmem(
      join(root, 'sys'),
      (path) => !existsSync(path) || mayAccess(statSync(path), runner, ['write']),
    );
  } catch (error) {
    const { missing, path } = ((error as SdmError).details ?? {}) as {
      missing?: readonly string[];
      path?: string;
    };
    if (missing !== undefined) {
      const found = `${way}, and ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not there`;
      return problem('memory-way', found, cause, {
        mend: 'set memory.way to "module", or have them inserted at every boot; now',
        command: `modprobe -a ${missing.join(' ')}`,
      });
    }
    if (path === undefined) throw error;
    return problem(
      'memory-way',
      `${way}, and ${runner.name} may not write ${path}, which is ${ownership(path, groups, root)}`,
      `${cause}: only root may command the DAX bus`,
      { mend: 'set memory.way to "module", or run the agent as root' },
    );
  }
  return ok('memory-way', `${way}, and ${runner.name} may command kmem`);
}

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { sdmCommand } from '../common/called.js';
import { SdmError } from '../common/errors.js';
import { run } from '../common/exec.js';
import { formatSize } from '../common/units.js';
import { cgroupAvailable } from './cgroup.js';
import type { RackLayout } from './layout.js';
import { findProcesses } from './process.js';
import { memPathOption } from './qemu.js';
import { REGISTER_FILE_SIZE } from './registers.js';

/** Left to the host over what a rack takes: QEMU itself and everything else that runs. */
const HOST_RESERVE = 512n << 20n;

export interface Space {
  /** Free on the file system of pools, bytes. */
  readonly free: bigint;
  /** RAM and swap that the host, or the container that we are in, can still give, bytes. */
  readonly available: bigint;
}

/** What the host has left for a rack. */
export function hostSpace(shmRoot: string): Space {
  const { bavail, bsize } = statfsSync(shmRoot, { bigint: true });
  const meminfo = readFileSync('/proc/meminfo', 'utf8');
  const kib = (name: string): bigint =>
    BigInt(new RegExp(`^${name}:\\s+([0-9]+) kB$`, 'm').exec(meminfo)?.[1] ?? 0);
  const swapFree = kib('SwapFree') << 10n;
  const host = (kib('MemAvailable') << 10n) + swapFree;
  const group = cgroupAvailable(swapFree);
  const available = group !== undefined && group < host ? group : host;
  return { free: bavail * bsize, available };
}

/**
 * Refuses a rack that would not fit, before anything is allocated.
 * @param bricksMemory RAM of all bricks, bytes.
 * @throws SdmError SDM_RACK_SPACE.
 */
export function checkSpace(
  poolSize: bigint,
  bricksMemory: bigint,
  shmRoot: string,
  space: Space = hostSpace(shmRoot),
): void {
  const details = {
    pool: String(poolSize),
    bricks: String(bricksMemory),
    free: String(space.free),
    available: String(space.available),
  };
  if (poolSize + BigInt(REGISTER_FILE_SIZE) > space.free) {
    throw new SdmError(
      'SDM_RACK_SPACE',
      `the pool needs ${formatSize(poolSize)}, but ${shmRoot} has ${roughly(space.free)} free; ` +
        `take a smaller one with --pool, bring another rack down ("${sdmCommand()} rack status" ` +
        'lists them), ' +
        `or enlarge it (mount -o remount,size=… ${shmRoot}; in a container its --shm-size), or ` +
        'name another tmpfs in SDM_SHM',
      { details },
    );
  }
  const needed = poolSize + bricksMemory + HOST_RESERVE;
  if (needed > space.available) {
    throw new SdmError(
      'SDM_RACK_SPACE',
      `pool and bricks need ${roughly(needed)} of memory, but the host, or the container, has ` +
        `${roughly(space.available)} available; take less with --pool, --memory or --bricks, or ` +
        `bring another rack down ("${sdmCommand()} rack status" lists them)`,
      { details },
    );
  }
}

/** For sentences: whole MiB. */
function roughly(bytes: bigint): string {
  return `${bytes >> 20n} MiB`;
}

/**
 * Makes the rack's directory on tmpfs with the pool in it, every byte of it allocated: a tmpfs that
 * fills up later would kill QEMU with SIGBUS. It is never shrunk, for the same reason.
 * @throws SdmError SDM_RACK_RUNNING if the name is in use from another state directory,
 * SDM_RACK_STATE if another user has something in its place.
 */
export async function createPool(
  layout: RackLayout,
  size: bigint,
  signal?: AbortSignal,
): Promise<void> {
  claimShm(layout);
  await run(['fallocate', '--length', String(size), layout.pool], {
    signal,
    timeoutMs: 300_000,
    hint: 'Without room for the pool, take a smaller one with --pool.',
  });
}

/**
 * The directory appears with its owner written in it. Its name does not tell state directories
 * apart ($SDM_STATE), so one that another rack uses is left alone.
 */
function claimShm(layout: RackLayout): void {
  const owner = foreignOwner(layout);
  if (owner !== undefined) {
    throw new SdmError(
      'SDM_RACK_RUNNING',
      `there is a rack ${layout.name} already, in ${owner} (another SDM_STATE or ARTDIR was set ` +
        'for it); take another name with --name, or bring that one down',
      { details: { rack: layout.name, dir: owner } },
    );
  }
  for (const path of [layout.shmDir, layout.shmDraft]) {
    requireOurs(path);
    rmSync(path, { recursive: true, force: true });
  }
  mkdirSync(layout.shmDraft, { mode: 0o700 });
  writeFileSync(join(layout.shmDraft, basename(layout.shmOwner)), `${layout.dir}\n`);
  renameSync(layout.shmDraft, layout.shmDir);
}

/** tmpfs is open to all users, and what another one has made there nobody else can remove. */
function requireOurs(path: string): void {
  const uid = ownerOf(path);
  if (uid === undefined || uid === process.getuid?.()) return;
  throw new SdmError(
    'SDM_RACK_STATE',
    `${path} is in the way: it belongs to another user (${uid}), who must remove it; or take ` +
      'another name with --name, or name another tmpfs in SDM_SHM',
    { details: { path, owner: uid } },
  );
}

/** User id; undefined if there is nothing. */
function ownerOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.uid;
}

/**
 * Directory of the rack that the pool belongs to, if that is another one than ours and it is still
 * there or still mapped by a QEMU.
 */
function foreignOwner(layout: RackLayout): string | undefined {
  if (!existsSync(layout.shmDir)) return undefined;
  let owner = '';
  try {
    owner = readFileSync(layout.shmOwner, 'utf8').trim();
  } catch {
    // Without an owner only a running QEMU can speak for it.
  }
  if (owner === layout.dir) return undefined;
  if (owner !== '' && existsSync(owner)) return owner;
  const option = memPathOption(layout.pool);
  const mapped = findProcesses((argv) => argv.some((argument) => argument.endsWith(option)));
  return mapped.length > 0 ? owner || layout.shmDir : undefined;
}

/** Removes pool and registers, unless they belong to a rack of another state directory or user. */
export function removeShm(layout: RackLayout): void {
  const remove = (path: string): void => {
    if (ownerOf(path) === process.getuid?.()) rmSync(path, { recursive: true, force: true });
  };
  remove(layout.shmDraft);
  if (foreignOwner(layout) === undefined) remove(layout.shmDir);
}

import { join } from 'node:path';
import { SdmError } from '../../common/errors.js';
import type { Native, RegisterSource } from '../../native/types.js';
import type { BackendKind } from '../types.js';
import { barPath, registersBar } from './pci.js';
import { SdmcFiles, type ReadableBlock } from './sdmc.js';
import { listUio, uioSource, type UioDevice } from './uio.js';

/** The only call of the addon that looking needs. */
export type Opener = Pick<Native, 'openRegisters'>;

/** A register block by the way that leads to it, as a backend and a probe name it. */
export interface BlockAt {
  readonly backend: BackendKind;
  readonly at: string;
}

/**
 * Opens a block to be looked at: read-only, and without its lock.
 * @param root "/" but for tests: below another one there are files where devices would be.
 * @throws as the addon, and as the driver's files.
 */
export function openToRead(
  root: string,
  native: Opener,
  { backend, at }: BlockAt,
  windowBase?: bigint,
): ReadableBlock {
  const sysfs = join(root, 'sys');
  if (backend === 'sysfs') return new SdmcFiles(sysfs, at, windowBase);
  const options = windowBase === undefined ? {} : { windowBase };
  return native.openRegisters(sourceOf(root, sysfs, backend, at), { writable: false, ...options });
}

function sourceOf(
  root: string,
  sysfs: string,
  backend: Exclude<BackendKind, 'sysfs'>,
  at: string,
): RegisterSource {
  if (backend === 'file') return { path: at };
  if (backend === 'bar') {
    return root === '/'
      ? { pci: at, resource: registersBar(sysfs, at) }
      : { path: barPath(sysfs, at) };
  }
  const device = listUio(sysfs).find((each) => each.device === at);
  if (device !== undefined) return uioBelow(root, device);
  throw new SdmError('SDM_NO_REGISTERS', `${at} has no UIO device any more`, {
    details: { device: at },
  });
}

/** How the block of a UIO device is opened. */
export function uioBelow(root: string, uio: UioDevice): RegisterSource {
  const source = uioSource(uio);
  return root === '/' ? source : { path: join(root, source.device) };
}

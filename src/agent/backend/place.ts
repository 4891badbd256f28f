import type { BackendKind } from '../types.js';
import { isPciAddress } from './pci.js';
import type { Pool } from './types.js';
import { poolName } from './pool.js';

/**
 * Where registers lie, whichever way leads there: the BAR of a device is the same memory through a
 * driver and without one. What a journal knows its registers by.
 */
export function registersPlace(kind: BackendKind, registers: string): string {
  if (kind === 'file') return `file ${registers}`;
  return isPciAddress(registers) ? `bar ${registers}` : `device ${registers}`;
}

/** The same of a pool. */
export function poolPlace(pool: Pool): string {
  return pool.kind === 'remote' ? pool.kind : `${pool.kind} ${poolName(pool)}`;
}

/** Of one that is known by its name only. */
export function namedPoolPlace(name: string): string {
  if (name === 'remote') return name;
  return isPciAddress(name) ? `bar ${name}` : `file ${name}`;
}

import { join } from 'node:path';
import { isLinkUp, STATUS, statusName } from '../../../abi/codec.js';
import type { MemportRegisters } from '../../../abi/codec.js';
import type { Native } from '../../../native/types.js';
import { PROGRAM_MS } from '../../attachments/stages.js';
import { openBackend, type RegisterBackend } from '../../backend/index.js';
import { readRegions } from '../../probe/kernel.js';
import type { Finding } from '../finding.js';
import type { Settings } from '../surroundings.js';
import { chooseScratch, type Scratch, type Space } from './choose.js';
import { differs, failed, leftSet, noneChosen, refused, worked } from './findings.js';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Sets and clears a memport under the lock of the block: no agent works on it meanwhile. All of it
 * happens in one turn of the event loop, so that no signal comes in between, and afterwards every
 * register of a memport is as it was.
 */
export function scratchDirectly(root: string, native: Native, settings: Settings): Finding {
  let backend: RegisterBackend;
  try {
    const config = { ...settings, brick: settings.brick ?? 'doctor' };
    backend = openBackend(native, config, join(root, 'sys'), SILENT);
  } catch (error) {
    const locked = (error as { code?: unknown }).code === 'SDM_BLOCK_LOCKED';
    return failed(
      error,
      locked ? 'sdm-agent probe --direct; systemctl status sdm-agent' : 'sdm-agent probe --direct',
    );
  }
  try {
    return tryOn(root, settings, backend);
  } catch (error) {
    return failed(error, 'sdm-agent probe --direct');
  } finally {
    backend.close();
  }
}

function tryOn(root: string, settings: Settings, backend: RegisterBackend): Finding {
  const before = backend.memports();
  let scratch: Scratch;
  try {
    scratch = chooseScratch(spaceOf(root, settings, backend, before));
  } catch (error) {
    return noneChosen(error);
  }
  const { port, start, size, remote, outId } = scratch;
  const end = start + size - 1n;
  const fields = { start, end, remote, outId, inId: 0n };
  let status: number;
  let seen: MemportRegisters | undefined;
  let cleared: number;
  try {
    status = backend.activate(port, fields, PROGRAM_MS);
    seen = backend.memports()[port];
  } finally {
    cleared = backend.clear(port, PROGRAM_MS);
    // what an earlier mapping left in its fields means nothing, but nothing of this is to remain
    if (cleared === STATUS.INACTIVE) backend.restore(port, before[port]!);
  }
  if (cleared !== STATUS.INACTIVE) return leftSet(scratch, `STATUS ${statusName(cleared)}`);
  if (status !== STATUS.ACTIVE) return refused(scratch, status);
  if (
    seen?.set !== true ||
    seen.status !== STATUS.ACTIVE ||
    seen.start !== start ||
    seen.end !== end ||
    seen.remote !== remote ||
    seen.outId !== outId
  ) {
    return differs(scratch, 'it is active, but does not read as it was written');
  }
  const after = backend.memports();
  if (after[port]?.set === true) return leftSet(scratch, 'SET reads 1');
  const other = after.findIndex((found, n) => n !== port && !sameState(found, before[n]));
  if (other >= 0) return differs(scratch, `memport ${other} changed meanwhile`);
  return worked(scratch);
}

function spaceOf(
  root: string,
  { shares, registers }: Settings,
  backend: RegisterBackend,
  memports: readonly MemportRegisters[],
): Space {
  const { info, pool } = backend;
  const up = backend.links().status;
  const set = memports.flatMap((found, memport) => (found.set ? [{ ...found, memport }] : []));
  const regions = registers.backend === 'file' ? [] : readRegions(root);
  return {
    info,
    poolSize: pool?.size,
    shares,
    ports: memports.map((found, port) => ({
      port,
      set: found.set,
      blank: fieldsOf(found).every((field) => field === 0n) && found.status === STATUS.INACTIVE,
      reserved: false,
    })),
    local: [
      ...set.map(({ start, end, memport }) => ({ start, end: end + 1n, memport })),
      ...regions.map(({ start, end }) => ({ start, end: end + 1n })),
    ],
    remote: set.flatMap(({ start, end, remote, memport }) =>
      remote === undefined ? [] : [{ start: remote, end: remote + (end - start) + 1n, memport }],
    ),
    links: Array.from({ length: info.ntransceivers }, (_, t) => isLinkUp(up, t)),
  };
}

const fieldsOf = ({ start, end, offset, outId, inId }: MemportRegisters): bigint[] => [
  start,
  end,
  offset,
  outId,
  inId,
];

function sameState(a: MemportRegisters | undefined, b: MemportRegisters | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const [left, right] = [fieldsOf(a), fieldsOf(b)];
  return a.set === b.set && a.status === b.status && left.every((field, i) => field === right[i]);
}

import { SdmError } from '../../common/errors.js';
import type { Graph } from '../inventory/graph.js';
import type { Wanted } from './placement.js';
import { TRANSCEIVER_CAPACITY } from './links.js';
import { POLICIES } from './policies/index.js';
import type { ReserveRequest } from './types.js';

/** Beyond this an amount is no amount of any site, and sums would leave 32 bits. */
const MOST = 0x3fff_ffff;

function amount(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= MOST) return value;
  throw new SdmError(
    'SDM_INPUT',
    `${name} is ${value}; a whole number from 0 to ${MOST} is wanted`,
  );
}

/**
 * Checks a request and fills in `wanted`. Of `memory`, all is to be local for now: `segments` are those
 * that have to be remote. @throws SDM_INPUT.
 */
export function readRequest(graph: Graph, request: ReserveRequest, wanted: Wanted): void {
  const { compute, island, pathUtil, policy } = request;
  const computes = graph.columns.compute;
  wanted.cores = amount('cores', request.cores ?? 0);
  wanted.local = amount('localMemory', request.localMemory ?? 0);
  wanted.segments = amount('segments', request.segments);
  if (request.memory !== undefined) amount('memory', request.memory);
  if (request.localAtMost !== undefined) amount('localAtMost', request.localAtMost);
  wanted.util = amount('pathUtil', pathUtil);
  if (pathUtil > TRANSCEIVER_CAPACITY) {
    throw new SdmError(
      'SDM_INPUT',
      `pathUtil is ${pathUtil}; it is at most ${TRANSCEIVER_CAPACITY} percent`,
    );
  }
  wanted.rules = POLICIES[policy];
  // By its name: an object has more properties than those that were put in.
  if (wanted.rules?.name !== policy) {
    const names = Object.keys(POLICIES).join(', ');
    throw new SdmError('SDM_INPUT', `there is no policy "${String(policy)}"; there are ${names}`);
  }
  wanted.compute = -1;
  wanted.island = -1;
  if (compute !== undefined) {
    if (!Number.isInteger(compute) || compute < 0 || compute >= computes.count) {
      throw new SdmError(
        'SDM_INPUT',
        `there is no compute brick ${compute}; there are ${computes.count}`,
      );
    }
    wanted.compute = compute;
  }
  if (island !== undefined) {
    if (compute === undefined) {
      throw new SdmError('SDM_INPUT', `island ${island} is of no compute brick; give compute, too`);
    }
    const islands = computes.islandFirst[compute + 1]! - computes.islandFirst[compute]!;
    if (!Number.isInteger(island) || island < 0 || island >= islands) {
      throw new SdmError(
        'SDM_INPUT',
        `compute brick ${compute} has no island ${island}; it has ${islands}`,
      );
    }
    wanted.island = island;
  }
}

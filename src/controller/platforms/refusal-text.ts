import { formatSize } from '../../common/units.js';
import type { Refusal, RefusedResource, ReserveRequest } from '../reservation/types.js';
import type { Site } from '../synthesizer/site.js';
import { MIB } from './convert.js';

const UNITS: Record<Exclude<RefusedResource, 'combination'>, string> = {
  cores: 'core(s) in one coherent island',
  'local-memory': 'of local memory',
  segments: 'remote segment(s)',
  transceiver: 'percent of a transceiver',
  path: 'percent of a path',
  memports: 'memport(s)',
};

const sizeOf = (count: number, unit: bigint): string => formatSize(BigInt(count) * unit);

/** What ran out, for people: memory as a size. The numbers are in the error's details. */
export function whatText(
  { segmentSize }: Pick<Site, 'segmentSize'>,
  { resource, asked, found }: Refusal,
): string {
  if (resource === 'combination') {
    return 'each resource is there, but no compute brick comes to all of them';
  }
  const isSize = resource === 'local-memory';
  const count = (value: number): string => (isSize ? sizeOf(value, MIB) : String(value));
  const unit = UNITS[resource].replace('(s)', asked === 1 ? '' : 's');
  const each = resource === 'segments' ? ` of ${formatSize(segmentSize)}` : '';
  const are = isSize || asked === 1 ? 'is' : 'are';
  return `${count(asked)} ${unit}${each} ${are} asked for, and the most that is free is ${count(found)}`;
}

/** What a request asks for, and where, for people. */
export function requestText(
  { segmentSize, computeAt }: Pick<Site, 'segmentSize' | 'computeAt'>,
  request: ReserveRequest,
): string {
  const { compute, cores = 0, localMemory = 0, memory = 0, segments, pathUtil, policy } = request;
  const parts = [
    ...(cores === 0 ? [] : [`${cores} core${cores === 1 ? '' : 's'}`]),
    ...(memory === 0 ? [] : [`${sizeOf(memory, MIB)} of memory`]),
    ...(localMemory === 0 ? [] : [`${sizeOf(localMemory, MIB)} of local memory`]),
    ...(segments === 0 ? [] : [`${sizeOf(segments, segmentSize)} of remote memory`]),
    ...(pathUtil === 0 ? [] : [`${pathUtil} percent of each path`]),
    `policy ${policy}`,
  ];
  return `${parts.join(', ')}${compute === undefined ? '' : ` at brick ${computeAt[compute]!.id}`}`;
}

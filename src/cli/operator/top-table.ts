import { formatTable } from '../../common/table.js';
import { formatSize, roughSize } from '../../common/units.js';
import type { BrickView, PlatformView, TotalsView } from '../../controller/views.js';
import { conditionOf } from './brick.js';

/** What one look at the controller saw. */
export interface Look {
  readonly bricks: readonly BrickView[];
  readonly platforms: readonly PlatformView[];
  readonly totals: TotalsView;
}

interface Usage {
  /** Bytes of remote memory that it has borrowed or lent. */
  remote: bigint;
  readonly transceivers: Set<number>;
}

/** One line a brick: those that are used most come first. */
export function topTable({ bricks, platforms, totals }: Look): string {
  const usage = usageOf(platforms);
  const segment = BigInt(totals.segmentSize);
  const sorted = bricks
    .map((brick) => ({ brick, load: loadOf(brick) }))
    .sort((a, b) => b.load - a.load)
    .map(({ brick }) => brick);
  const right = (title: string) => ({ title, align: 'right' }) as const;
  return formatTable(
    [
      ...['BRICK', 'TYPE', 'STATE', right('CORES'), right('LOCAL'), right('REMOTE')],
      ...[right('LINKS'), 'PLATFORMS'],
    ],
    sorted.map((brick) => {
      const { remote = 0n, transceivers } = usage.get(brick.id) ?? {};
      return [
        ...[brick.id, brick.type, conditionOf(brick), coresText(brick), localText(brick)],
        brick.segments === undefined ? roughSize(remote) : lentText(brick.segments, segment),
        `${transceivers?.size ?? 0}/${brick.transceivers}`,
        brick.platforms.length === 0 ? '-' : brick.platforms.join(' '),
      ];
    }),
  );
}

/** What the rack has, in a line. */
export function topSummary({ totals, bricks }: Look): string {
  const { cores, coresFree, segments, segmentsFree, segmentSize, segmentsDirty, platforms } =
    totals;
  const bytes = (count: number): string => formatSize(BigInt(count) * BigInt(segmentSize));
  const dirty = segmentsDirty === 0 ? '' : `, ${bytes(segmentsDirty)} being scrubbed`;
  return (
    `${bricks.length} bricks, ${platforms} platforms; ${cores - coresFree} of ${cores} cores and ` +
    `${bytes(segments - segmentsFree)} of ${bytes(segments)} remote memory in use${dirty}`
  );
}

function usageOf(platforms: readonly PlatformView[]): Map<string, Usage> {
  const usage = new Map<string, Usage>();
  const of = (brick: string): Usage => {
    const known = usage.get(brick) ?? { remote: 0n, transceivers: new Set() };
    usage.set(brick, known);
    return known;
  };
  for (const { brick, attachments } of platforms) {
    for (const { memory, size, path } of attachments) {
      of(brick).remote += BigInt(size);
      of(brick).transceivers.add(path.computeTransceiver);
      of(memory).remote += BigInt(size);
      of(memory).transceivers.add(path.memoryTransceiver);
    }
  }
  return usage;
}

/** 0 to 1. */
function loadOf({ cores, segments }: BrickView): number {
  const { free, total } = cores ?? segments ?? { free: 1, total: 1 };
  return total === 0 ? 0 : (total - free) / total;
}

function coresText({ cores }: BrickView): string {
  return cores === undefined ? '-' : `${cores.total - cores.free}/${cores.total}`;
}

function localText({ localMemory }: BrickView): string {
  if (localMemory === undefined) return '-';
  const total = BigInt(localMemory.total);
  return `${roughSize(total - BigInt(localMemory.free))}/${roughSize(total)}`;
}

function lentText({ total, free }: NonNullable<BrickView['segments']>, size: bigint): string {
  return `${roughSize(BigInt(total - free) * size)}/${roughSize(BigInt(total) * size)}`;
}

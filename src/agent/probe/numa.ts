import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toJson } from '../../common/json.js';
import type { Numa } from '../api/brick-schema.js';
import { possibleNodes, readNodes } from '../memory/nodes.js';

type Pair = NonNullable<Numa['firmware']>[number];

/** Nodes under `root`, and where the kernel shows another distance than the device tree gives. */
export function readNuma(root: string): Numa {
  const sysfs = join(root, 'sys');
  const nodes = readNodes(sysfs);
  const firmware = readDistanceMap(root);
  const shown = new Map(
    nodes.flatMap(({ node, distances }) =>
      distances.map((to) => [`${node}-${to.node}`, to.distance] as const),
    ),
  );
  return {
    possible: possibleNodes(sysfs),
    online: nodes.map(({ node }) => node),
    nodes: toJson(nodes),
    firmware,
    differ: (firmware ?? []).flatMap(({ from, to, distance }) => {
      const kernel = shown.get(`${from}-${to}`);
      return kernel === undefined || kernel === distance
        ? []
        : [{ from, to, firmware: distance, kernel }];
    }),
  };
}

/**
 * The device tree's distance map: triples of big-endian cells (from, to, distance). A distance that
 * is given one way only holds both ways, as the binding says. Null where there is no map.
 */
function readDistanceMap(root: string): Pair[] | null {
  let cells: Buffer;
  try {
    cells = readFileSync(join(root, 'proc/device-tree/distance-map/distance-matrix'));
  } catch {
    return null;
  }
  const pairs = new Map<string, Pair>();
  const put = (from: number, to: number, distance: number): void => {
    pairs.set(`${from}-${to}`, { from, to, distance });
  };
  const given: Pair[] = [];
  for (let at = 0; at + 12 <= cells.length; at += 12) {
    const from = cells.readUInt32BE(at);
    const to = cells.readUInt32BE(at + 4);
    given.push({ from, to, distance: cells.readUInt32BE(at + 8) });
  }
  for (const { from, to, distance } of given) put(to, from, distance);
  for (const { from, to, distance } of given) put(from, to, distance);
  return [...pairs.values()].sort((a, b) => a.from - b.from || a.to - b.to);
}

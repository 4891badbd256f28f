import { join } from 'node:path';
import type { NodeView } from '../types.js';
import { parseList, readNames, readText } from './sysfs.js';

const NODES = 'devices/system/node';
const TIERS = 'devices/virtual/memory_tiering';

function nodeList(sysfs: string, name: string): number[] {
  return parseList(readText(join(sysfs, NODES, name)) ?? '');
}

/** Nodes that memory can be added to. Empty where the kernel knows no nodes. */
export function possibleNodes(sysfs: string): number[] {
  return nodeList(sysfs, 'possible');
}

/** kB of one line of a node's meminfo, as bytes; 0 where the line is missing. */
export function meminfoBytes(meminfo: string, key: string): bigint {
  const match = new RegExp(`\\b${key}:\\s+([0-9]+) kB`).exec(meminfo);
  return match === null ? 0n : BigInt(match[1] ?? '0') * 1024n;
}

/** Number of the tier that each node is in. */
export function readTiers(sysfs: string): Map<number, number> {
  const tiers = new Map<number, number>();
  for (const name of readNames(join(sysfs, TIERS))) {
    const match = /^memory_tier([0-9]+)$/.exec(name);
    if (match === null) continue;
    const nodes = readText(join(sysfs, TIERS, name, 'nodelist')) ?? '';
    for (const node of parseList(nodes)) tiers.set(node, Number(match[1]));
  }
  return tiers;
}

/**
 * Every online node. A node's `distance` lists online nodes only, in order, so its columns move
 * when one comes or goes: it is read together with the list.
 */
export function readNodes(sysfs: string): NodeView[] {
  const online = nodeList(sysfs, 'online');
  const tiers = readTiers(sysfs);
  return online.map((node) => {
    const read = (name: string): string => readText(join(sysfs, NODES, `node${node}`, name)) ?? '';
    const meminfo = read('meminfo');
    const distances = read('distance').split(/\s+/).map(Number);
    const tier = tiers.get(node);
    return {
      node,
      online: true,
      distances: online.flatMap((to, i) => {
        const distance = distances[i];
        return distance === undefined || distance === 0 ? [] : [{ node: to, distance }];
      }),
      totalBytes: meminfoBytes(meminfo, 'MemTotal'),
      freeBytes: meminfoBytes(meminfo, 'MemFree'),
      ...(tier === undefined ? {} : { tier }),
      cpus: read('cpulist') !== '',
    };
  });
}

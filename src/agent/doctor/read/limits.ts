import { dirname, join } from 'node:path';
import { parseList, readText } from '../../memory/sysfs.js';
import type { Unit } from './systemd.js';

/** What bounds the agent, and the programs that are to use its memory. undefined: no bound. */
export interface Limits {
  readonly openFiles: number | undefined;
  /** Of a file that it writes, bytes. */
  readonly fileSize: bigint | undefined;
  /** Of the agent's own memory, bytes. */
  readonly memory: bigint | undefined;
  /** Of the control group that this was started in: the least, and whose it is. */
  readonly group: { readonly memory: bigint; readonly at: string } | undefined;
  /** Nodes that this control group may have memory of, and which group says so. */
  readonly nodes: { readonly nodes: readonly number[]; readonly at: string } | undefined;
  /** vm.overcommit_memory. */
  readonly overcommit: number | undefined;
}

export function readLimits(root: string, unit: Unit | undefined): Limits {
  const own = readText(join(root, 'proc/self/limits')) ?? '';
  const groups = cgroups(root);
  const group = least(root, groups);
  const overcommit = readText(join(root, 'proc/sys/vm/overcommit_memory'));
  const [openFiles, fileSize] = [hard(own, 'Max open files'), hard(own, 'Max file size')];
  return {
    // Node raises its own soft limit to the hard one when it starts.
    openFiles:
      unit === undefined
        ? openFiles === undefined
          ? undefined
          : Number(openFiles)
        : unit.openFiles,
    fileSize: unit === undefined ? fileSize : unit.fileSize,
    memory: unit === undefined ? group?.memory : unit.memoryMax,
    group,
    nodes: nodesOf(root, groups),
    overcommit: overcommit === undefined ? undefined : Number(overcommit),
  };
}

/** The hard limit in a line of /proc/self/limits. */
function hard(text: string, name: string): bigint | undefined {
  const value = new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(text)?.[2];
  return value === undefined || !/^[0-9]+$/.test(value) ? undefined : BigInt(value);
}

/** The control group of this process (version 2) and those above it, the root left out. */
function cgroups(root: string): string[] {
  const own = /^0::(\/.*)$/m.exec(readText(join(root, 'proc/self/cgroup')) ?? '')?.[1] ?? '/';
  const groups: string[] = [];
  for (let at = own; at !== '/'; at = dirname(at)) groups.push(at);
  return groups;
}

function least(root: string, groups: readonly string[]): Limits['group'] {
  let found: Limits['group'];
  for (const at of groups) {
    const text = readText(join(root, 'sys/fs/cgroup', at, 'memory.max')) ?? '';
    if (!/^[0-9]+$/.test(text)) continue;
    const memory = BigInt(text);
    if (found === undefined || memory < found.memory) found = { memory, at };
  }
  return found;
}

/** The nearest group that names nodes decides: it cannot have more than those above it. */
function nodesOf(root: string, groups: readonly string[]): Limits['nodes'] {
  for (const at of groups) {
    const text = readText(join(root, 'sys/fs/cgroup', at, 'cpuset.mems')) ?? '';
    if (text !== '') return { nodes: parseList(text), at };
  }
  return undefined;
}

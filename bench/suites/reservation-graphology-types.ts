/** One of the links between two nodes. A brick's are its transceivers. */
export interface Lane {
  free: number;
  /** At a circuit switch: the lane that a circuit joins it with, by switch. */
  peer: Map<string, Lane>;
  circuits: number;
}
export interface Edge {
  lanes: Lane[];
}
export interface ComputeNode {
  kind: 'compute';
  islands: number[];
  local: number;
  memports: number;
  /** Open paths by memory brick. */
  paths: Map<string, Path[]>;
}
export interface MemoryNode {
  kind: 'memory';
  /** Free runs in order. */
  runs: { first: number; count: number }[];
}
export interface SwitchNode {
  kind: 'electrical' | 'optical';
}
export type Node = ComputeNode | MemoryNode | SwitchNode;

export interface Path {
  compute: string;
  memory: string;
  /** Switches, and the lanes into, between and out of them. */
  switches: string[];
  lanes: Lane[];
  util: number;
  runs: number;
}
export interface Taken {
  memory: string;
  first: number;
  count: number;
  path: Path;
}
export interface Held {
  compute: string;
  island: number;
  cores: number;
  local: number;
  util: number;
  runs: Taken[];
  paths: Path[];
}

/** An arrival of the walk at a switch. */
export interface Step {
  node: string;
  lane: Lane;
  before: Step | undefined;
}

/** Puts a run back among free ones, joined with its neighbours. */
export function joinRun(runs: MemoryNode['runs'], first: number, count: number): void {
  let at = runs.findIndex((run) => run.first > first);
  if (at === -1) at = runs.length;
  const before = runs[at - 1];
  const after = runs[at];
  const joins = after !== undefined && first + count === after.first;
  if (before !== undefined && before.first + before.count === first) {
    before.count += count + (joins ? after.count : 0);
    if (joins) runs.splice(at, 1);
  } else if (joins) {
    after.first = first;
    after.count += count;
  } else {
    runs.splice(at, 0, { first, count });
  }
}

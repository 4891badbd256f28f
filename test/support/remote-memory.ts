import { expect } from 'vitest';
import type { Rack } from '../../src/rack/index.js';
import { deviceOf, isSet } from './patched.js';
import { agentJson, setMemports } from './rack.js';

/** What `sdm-agent memory` says, as far as tests look at it. */
export interface BrickMemory {
  readonly nodes: readonly { node: number; totalBytes: string; tier?: number }[];
  readonly module: { state: string; regions: readonly { state: string }[] };
  readonly attachedBytes: string;
}

export const memoryOf = (rack: Rack, n: number): Promise<BrickMemory> =>
  agentJson(rack, n, 'memory');

const withMemory = ({ nodes }: BrickMemory): { node: number; totalBytes: string }[] =>
  nodes
    .filter(({ totalBytes }) => totalBytes !== '0x0')
    .map(({ node, totalBytes }) => ({ node, totalBytes }));

/** Nothing is left of any attachment: not in the registers, the module or the kernel. */
export async function expectNothingAttached(rack: Rack, n: number): Promise<void> {
  if (rack.qemu === 'stock') expect(setMemports(rack, n)).toEqual([]);
  else expect((await deviceOf(rack, n)).memports.filter(isSet)).toEqual([]);
  const left = await memoryOf(rack, n);
  expect(left.module).toMatchObject({ state: 'ok', regions: [] });
  expect(left.attachedBytes).toBe('0x0');
  expect(withMemory(left).map(({ node }) => node)).toEqual([0]);
}

import { readFileSync } from 'node:fs';
import { fromBuffer, type MemportRegisters } from '../../../src/abi/codec.js';
import { Agent, type AgentDeps } from '../../../src/agent/agent.js';
import type { AgentConfig } from '../../../src/agent/types.js';
import { makeBrick, type TestBrick } from '../brick.js';

const GIB = 1n << 30n;

/** The brick that D4.4's example is for: a Zynq's window, 64 GiB behind it, files for hardware. */
export interface ZynqBrick extends TestBrick {
  /** The memports in the register file that are set, by START. */
  set(): MemportRegisters[];
  open(deps?: AgentDeps): Promise<Agent>;
}

export function makeZynq(config: Partial<AgentConfig> = {}): ZynqBrick {
  const brick = makeBrick({
    poolSize: 64n * GIB,
    format: { profile: 'zynq', windowSize: 4n * GIB, remoteSize: 64n * GIB },
    shares: [{ start: 0n, size: 64n * GIB, shared: false }],
    config,
  });
  return {
    ...brick,
    set: () =>
      fromBuffer(readFileSync(brick.registers))
        .memports.filter((port) => port.set)
        .sort((a, b) => (a.start < b.start ? -1 : 1)),
    async open(deps) {
      const agent = await Agent.open(brick.config, deps);
      await agent.reconcile();
      return agent;
    },
  };
}

import { truncateSync, writeFileSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { exchange, type UnixAnswer, type UnixRequest } from '../../../src/common/http.js';
import { sdmAgent, startAgent, type Result, type RunningAgent } from '../../support/agent.js';

export const MIB = 1n << 20n;
export const SEGMENT = 2n * MIB;
export const BASE = 4n * MIB;
export const SEGMENTS = 8;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** `{start, size}` of segments, as a request has it. */
export const range = (first: number, count: number) => ({
  start: hex(BASE + BigInt(first) * SEGMENT),
  size: hex(BigInt(count) * SEGMENT),
});

export interface MemoryBrick {
  readonly dir: string;
  readonly pool: string;
  readonly config: string;
  readonly socket: string;
  start(env?: NodeJS.ProcessEnv): Promise<RunningAgent>;
  ask(request: Omit<UnixRequest, 'socketPath'>): Promise<UnixAnswer>;
  run(...args: string[]): Promise<Result>;
  stop(): Promise<void>;
}

/** A memory brick that is a process, with a pool file in a directory of its own. */
export function makeMemoryBrick(parent: string, more: object = {}): MemoryBrick {
  const dir = mkdtempSync(join(parent, 'brick-'));
  const [pool, config, socket] = [join(dir, 'pool'), join(dir, 'c.json'), join(dir, 's.sock')];
  writeFileSync(pool, '');
  truncateSync(pool, Number(BASE + BigInt(SEGMENTS) * SEGMENT));
  const value = {
    ...{ role: 'memory', brick: '0.0.8', pool: { path: pool }, base: hex(BASE) },
    ...{ size: hex(BigInt(SEGMENTS) * SEGMENT), segmentSize: hex(SEGMENT) },
    ...{ socket, stateDir: join(dir, 'state'), ...more },
  };
  writeFileSync(config, JSON.stringify(value));
  const running = new Set<RunningAgent>();
  return {
    ...{ dir, pool, config, socket },
    async start(env = {}) {
      const agent = await startAgent(config, env);
      running.add(agent);
      return agent;
    },
    ask: (request) => exchange({ timeoutMs: 20_000, ...request, socketPath: socket }),
    run: (...args) => sdmAgent(args, { SDM_AGENT_SOCKET: socket }),
    async stop() {
      await Promise.all([...running].map((agent) => agent.stop('SIGKILL')));
    },
  };
}

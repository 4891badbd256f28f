import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BLOCK_MAX, REG } from '../../src/abi/codec.js';
import type { AgentConfig, Share } from '../../src/agent/types.js';
import { native } from '../../src/native/index.js';
import type { FormatOptions } from '../../src/native/types.js';

export const MIB = 1n << 20n;
export const LINK_STATUS_OFFSET = REG.LINK_STATUS;

/** A brick that is a process: a formatted register file and a pool file in a directory of its own. */
export interface TestBrick {
  readonly directory: string;
  readonly registers: string;
  readonly pool: string;
  readonly config: AgentConfig;
  remove(): void;
}

export interface TestBrickOptions {
  readonly poolSize?: bigint;
  readonly shares?: readonly Share[];
  readonly format?: Partial<FormatOptions>;
  readonly config?: Partial<AgentConfig>;
}

/** Half of the pool is an own share, what lies between the header and it is shared. */
export function makeBrick(options: TestBrickOptions = {}): TestBrick {
  const poolSize = options.poolSize ?? 64n * MIB;
  const directory = mkdtempSync(join(tmpdir(), 'sdm-agent-test-'));
  const registers = join(directory, 'registers');
  const pool = join(directory, 'pool');
  writeFileSync(registers, '');
  truncateSync(registers, BLOCK_MAX);
  writeFileSync(pool, '');
  truncateSync(pool, Number(poolSize));
  native.formatRegisters(
    { path: registers },
    { profile: 'generic', windowSize: poolSize, remoteSize: poolSize, ...options.format },
  );
  const half = poolSize / 2n;
  const shares = options.shares ?? [
    { start: 0n, size: half, shared: true },
    { start: half, size: half, shared: false },
  ];
  return {
    directory,
    registers,
    pool,
    config: {
      brick: 'test',
      registers: { backend: 'file', path: registers },
      pool: { path: pool },
      shares,
      node: 1,
      linkTimeoutMs: 100,
      ...options.config,
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

import { join } from 'node:path';
import { hex } from '../../abi/codec.js';
import { toJson } from '../../common/json.js';
import type { Brick } from '../api/brick-schema.js';
import { chooseRegisters } from '../backend/choose.js';
import type { RangeUse } from '../memory/types.js';
import { useOf } from '../memory/window.js';
import type { Opener } from '../backend/look.js';
import type { AgentConfig, AgentCore, BackendKind, BrickView } from '../types.js';
import { advise, judge } from './advice.js';
import { readKernel, readRegions } from './kernel.js';
import { readNuma } from './numa.js';
import { isolates, listDevices, lookDirectly, type Look } from './registers.js';

/** What a brick may be asked about without a running agent. */
export interface DirectOptions {
  /** Where sysfs and procfs are mounted below; "/" but for tests. */
  readonly root: string;
  readonly native: Opener;
  readonly config: Pick<AgentConfig, 'registers' | 'pool' | 'node'> & { readonly brick?: string };
  /** Why an agent that runs could not be asked, as a sentence. */
  readonly refused?: string;
}

/** Looks at everything itself, read-only and with no lock. */
export function probeDirectly({ root, native, config, refused }: DirectOptions): Brick {
  const registers = chooseRegisters(join(root, 'sys'), config.registers);
  const look = lookDirectly(root, native, registers, config.pool);
  const who = {
    brick: config.brick ?? null,
    source: 'direct',
    backend: registers.backend,
    node: config.node,
  } as const;
  return report(root, look, who, refused);
}

/** Asks the agent, which holds the registers, and looks at the rest itself. */
export function probeThroughAgent(
  agent: Pick<AgentCore, 'brick' | 'memports'>,
  config: Pick<AgentConfig, 'node' | 'pool'>,
  root = '/',
): Brick {
  const view = agent.brick();
  const look: Look = {
    registers: {
      backend: view.backend,
      at: view.registers,
      features: [...view.features],
      translation: view.translation,
      isolation: isolates(view.translation, view.passive),
      passive: view.passive,
      nports: view.nports,
      ntransceivers: view.ntransceivers,
      windowBase: hex(view.windowBase),
      windowSize: hex(view.windowSize),
      remoteSize: hex(view.remoteSize),
      granule: hex(view.granule),
      checks: view.checks,
      set: agent
        .memports()
        .filter((memport) => memport.set)
        .map(({ set: _set, status: _status, faults: _faults, ...memport }) => toJson(memport)),
    },
    pool: null,
    lacks: {},
  };
  const pool = poolOf(root, view);
  return report(
    root,
    pool === null ? { ...look, lacks: { pool: noPool(config) } } : { ...look, pool },
    { brick: view.brick, source: 'agent', backend: view.backend, node: config.node },
  );
}

function poolOf(root: string, view: BrickView): Look['pool'] {
  if (view.pool === undefined || view.poolSize === undefined) return null;
  const device = listDevices(root, { registers: null, pool: null }).find(
    ({ pci }) => pci === view.pool,
  );
  const size = hex(view.poolSize);
  const bar = device?.bars.find((candidate) => candidate.size === size);
  return { at: view.pool, start: bar?.start ?? null, size };
}

function noPool({ pool }: Pick<AgentConfig, 'pool'>): { code: string; message: string } {
  const message =
    pool === undefined
      ? 'the configuration of the agent names no pool; add the key "pool" and start it again'
      : "the agent found no pool when it started; its log says why, and 'sdm-agent probe --direct' too";
  return { code: 'SDM_NO_POOL', message };
}

function report(
  root: string,
  look: Look,
  who: Pick<Brick, 'brick' | 'source' | 'node'> & { backend: BackendKind },
  refused?: string,
): Brick {
  const { backend, ...rest } = who;
  const seen = {
    ...rest,
    devices: listDevices(root, look),
    registers: look.registers,
    pool: look.pool,
    lacks: look.lacks,
    kernel: readKernel(root),
    numa: readNuma(root),
  };
  const uses = backend === 'file' ? new Map<number, RangeUse>() : usesOf(root, look);
  const advice = advise(seen, backend, uses, refused);
  return { ...seen, ...judge(seen, backend, refused), advice };
}

/** What the kernel uses the ranges of set memports for. */
function usesOf(root: string, { registers }: Look): Map<number, RangeUse> {
  const regions = readRegions(root);
  return new Map(
    (registers?.set ?? []).map(({ port, start, end }) => [
      port,
      useOf(regions, { start: BigInt(start), end: BigInt(end) }),
    ]),
  );
}

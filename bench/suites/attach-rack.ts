import { SdmError } from '../../src/common/errors.js';
import { makeSite, type Site } from '../../src/iaas/site.js';
import { makeScratch } from '../harness/scratch.js';
import type {
  CaseOptions,
  Cases,
  Comparison,
  Readings,
  Suite,
  Workload,
} from '../harness/types.js';

const AGENTS = 16;
const AT_ONCE = 32;
const SEGMENT = 16n << 20n;
const AIM_MS = 80;
const COMMAND_MS = 60_000;

const AIM = `the aim of ${AIM_MS} ms`;
const ATTACH_50 = `attach, ${AT_ONCE} at once, p50`;
const ATTACH_95 = `attach, ${AT_ONCE} at once, p95`;
const RELEASE_50 = `release, ${AT_ONCE} at once, p50`;
const RELEASE_95 = `release, ${AT_ONCE} at once, p95`;
const ONE = 'attach, one at a time, p50';

/** The value that `part` of them do not exceed. */
function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

interface Commands {
  create(): Promise<{ readonly id: number; readonly ms: number }>;
  /** @returns ms. */
  release(id: number): Promise<number>;
  close(): void;
}

function commandsOf(site: Site): Commands {
  const client = site.client();
  const timed = async <T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> => {
    const began = performance.now();
    const value = await work();
    return { value, ms: performance.now() - began };
  };
  const body = { cores: 1, remoteMemory: `0x${SEGMENT.toString(16)}`, policy: 'spread' };
  return {
    async create() {
      const { value, ms } = await timed(() =>
        client.call('POST', '/v1/platforms', { body, timeoutMs: COMMAND_MS }),
      );
      const { id, state } = value as { readonly id: number; readonly state: string };
      if (state !== 'active') throw new SdmError('SDM_BENCH', `platform ${id} is ${state}`);
      return { id, ms };
    },
    async release(id) {
      const { ms } = await timed(() =>
        client.call('DELETE', `/v1/platforms/${id}`, { timeoutMs: COMMAND_MS }),
      );
      return ms;
    },
    close: () => client.close(),
  };
}

function atOnce(commands: Commands): Workload {
  return {
    name: `${AT_ONCE} at once`,
    async run(): Promise<Readings> {
      const made = await Promise.all(Array.from({ length: AT_ONCE }, () => commands.create()));
      const attach = made.map(({ ms }) => ms);
      const release = await Promise.all(made.map(({ id }) => commands.release(id)));
      return {
        [ATTACH_50]: quantile(attach, 0.5),
        [ATTACH_95]: quantile(attach, 0.95),
        [RELEASE_50]: quantile(release, 0.5),
        [RELEASE_95]: quantile(release, 0.95),
        [AIM]: AIM_MS,
      };
    },
  };
}

function oneByOne(commands: Commands): Workload {
  return {
    name: 'one at a time',
    async run(): Promise<Readings> {
      const took: number[] = [];
      for (let i = 0; i < 8; i += 1) {
        const { id, ms } = await commands.create();
        took.push(ms);
        await commands.release(id);
      }
      return { [ONE]: quantile(took, 0.5) };
    },
  };
}

const COMPARISONS: readonly Comparison[] = [
  { case: ATTACH_50, baseline: AIM, unit: 'ms', better: 'lower' },
  { case: ATTACH_95, baseline: AIM, unit: 'ms', better: 'lower', aim: 1 },
  { case: RELEASE_50, baseline: AIM, unit: 'ms', better: 'lower' },
  { case: RELEASE_95, baseline: AIM, unit: 'ms', better: 'lower' },
  { case: ONE, baseline: AIM, unit: 'ms', better: 'lower' },
];

async function cases({ log, signal }: CaseOptions): Promise<Cases> {
  const scratch = makeScratch();
  const site = await makeSite({
    ...{ dir: scratch.disk, poolDir: scratch.memory, agents: AGENTS, boxes: 2, signal },
    ...{ segmentSize: SEGMENT, segmentsPerLender: 64, memports: 64 },
  });
  const commands = commandsOf(site);
  const close = async (): Promise<void> => {
    commands.close();
    await site.stop();
    scratch.remove();
  };
  try {
    log(`starting ${AGENTS} agents, lenders, trays and a controller`);
    await site.start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    workloads: [atOnce(commands), oneByOne(commands)],
    comparisons: COMPARISONS,
    close,
  };
}

export const attachRack: Suite = {
  name: 'attach-rack',
  about: 'platforms with one segment through controller, tray, lender and agent, all processes',
  emulated: 'registers are files, and so is remote memory',
  rounds: 15,
  cases,
};

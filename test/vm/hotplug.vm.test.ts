import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attachment } from '../../src/agent/api/schemas.js';
import { ensureArtifacts } from '../../src/rack/artifacts/index.js';
import type { Rack } from '../../src/rack/index.js';
import { kernelModules } from '../../src/rack/kernel-modules.js';
import {
  agentJson,
  agentRefuses,
  COMMAND_MS,
  expectCleanKernelLog,
  holdInBrick,
  inBrick,
  setMemports,
  testRack,
} from '../support/rack.js';
import { type BrickMemory, expectNothingAttached, memoryOf } from '../support/remote-memory.js';
import { growthOf, memoryUse } from '../support/memory-use.js';

const MIB = 1n << 20n;
/** One attachment of the cycles: two memory blocks. */
const SIZE = 256n * MIB;
const CYCLES = process.env['SDM_SOAK'] === undefined ? 10 : 200;
/** Before growth is measured: caches of the kernel and the agent's heap have their size then. */
const WARM_UP = 2;
const BRICKS = [1, 2] as const;
const SYS = '/sys/devices/system/memory';

let rack: Rack;

const memory = (n: number): Promise<BrickMemory> => memoryOf(rack, n);
const attach = (n: number, args: string): Promise<Attachment> =>
  agentJson(rack, n, `attach ${args}`);
const detach = (n: number, id: string): Promise<Attachment> => agentJson(rack, n, `detach ${id}`);

/** How many pages of a program lie in a node, by the kernel's own account. */
async function pagesIn(n: number, program: string, node: number): Promise<number> {
  const maps = await inBrick(rack, n, `cat /proc/$(pidof ${program})/numa_maps`);
  const counts = [...maps.matchAll(new RegExp(`\\bN${node}=([0-9]+)`, 'g'))];
  return counts.reduce((sum, [, pages]) => sum + Number(pages), 0);
}

beforeAll(async () => {
  const dax = await kernelModules(await ensureArtifacts(), ['dax_hmem', 'kmem']);
  rack = await testRack('hotplug', { extra: dax, append: 'memory_hotplug.memmap_on_memory=1' });
});
afterAll(() => rack?.down());

describe('memory that is added', () => {
  it('is there in each node that was asked for, in a tier below DRAM', async () => {
    const nodes = [1, 2] as const;
    const attached: Attachment[] = [];
    for (const node of nodes) attached.push(await attach(1, `--size ${SIZE} --node ${node}`));
    const seen = (await memory(1)).nodes;
    const tier = (n: number): number => seen.find(({ node }) => node === n)?.tier ?? Number.NaN;
    for (const node of nodes) {
      expect(seen.find((each) => each.node === node)?.totalBytes).toBe(`0x${SIZE.toString(16)}`);
      expect(tier(node)).toBeGreaterThan(tier(0));
      const held = await holdInBrick(rack, 1, `memfill --node ${node} --size 64M --seed 1 --hold`);
      expect(await pagesIn(1, 'memfill', node)).toBeGreaterThanOrEqual(16_384);
      expect(await held.release()).toBe(0);
    }
    for (const { id } of attached) await detach(1, id);
    await expectNothingAttached(rack, 1);
  });

  it('takes what DRAM cannot hold: the kernel demotes to it, and nothing is lost', async () => {
    const { id } = await attach(1, '--size 512M');
    const demoted = async (): Promise<number> =>
      Number(await inBrick(rack, 1, "awk '/^pgdemote_/ { n += $2 } END { print n }' /proc/vmstat"));
    await inBrick(rack, 1, 'echo 1 >/sys/kernel/mm/numa/demotion_enabled');
    const before = await demoted();
    const free = await inBrick(
      rack,
      1,
      "awk '/MemFree/ { print $4 }' /sys/devices/system/node/node0/meminfo",
    );
    const size = BigInt(free.trim()) * 1024n + 48n * MIB;
    const churn = await holdInBrick(rack, 1, `memchurn --node 0 --size ${size} --spill`);
    expect(await demoted()).toBeGreaterThan(before);
    expect(await pagesIn(1, 'memchurn', 1)).toBeGreaterThan(0);
    expect(await churn.release()).toBe(0);
    await inBrick(rack, 1, 'echo 0 >/sys/kernel/mm/numa/demotion_enabled');
    expect(await detach(1, id)).toMatchObject({ state: 'free' });
    await expectNothingAttached(rack, 1);
  });

  it('goes while a program reads and writes it: no byte is lost', async () => {
    const { id } = await attach(1, '--size 512M');
    const churn = await holdInBrick(rack, 1, `memchurn --node 1 --size ${128n * MIB}`);
    expect(churn.line).toBe('32768 of 32768 pages in node 1');
    expect(await detach(1, id)).toMatchObject({ state: 'free' });
    // it still runs, on pages that were moved
    expect(await pagesIn(1, 'memchurn', 1)).toBe(0);
    expect(await pagesIn(1, 'memchurn', 0)).toBeGreaterThanOrEqual(32_768);
    expect(await churn.release()).toBe(0);
    await expectNothingAttached(rack, 1);
  });

  it('is attached by both bricks at once, each on its own share', async () => {
    const attached = await Promise.all(BRICKS.map((n) => attach(n, '--size 1G')));
    const [a, b] = attached.map(({ remote }) => BigInt(remote)) as [bigint, bigint];
    expect(a + 1024n * MIB <= b || b + 1024n * MIB <= a).toBe(true);
    // Seeds differ: a page of the one in the range of the other would fail its verification.
    await Promise.all(
      BRICKS.map((n) => inBrick(rack, n, `memfill --node 1 --size 768M --seed ${n}`)),
    );
    await Promise.all(attached.map(({ id }, i) => detach(i + 1, id)));
    for (const n of BRICKS) await expectNothingAttached(rack, n);
  });
});

/** Attaches as system RAM, uses it and detaches. */
async function cycleRam(n: number, cycle: number): Promise<void> {
  const attachment = await attach(n, `--size ${SIZE}`);
  expect(attachment).toMatchObject({ state: 'online', node: 1, size: `0x${SIZE.toString(16)}` });
  expect(setMemports(rack, n)).toMatchObject([
    { start: BigInt(attachment.start), end: BigInt(attachment.end), status: 1 },
  ]);
  const seen = await inBrick(
    rack,
    n,
    `for b in ${attachment.blocks?.join(' ')}; do cat ${SYS}/memory$b/state ` +
      `${SYS}/memory$b/valid_zones; done; memfill --node 1 --size ${SIZE / 2n} --seed ${cycle}`,
  );
  expect(seen).toMatch(/^(online\nMovable\n){2}\d+ pages in node 1 filled and verified/);
  expect(await detach(n, attachment.id)).toMatchObject({ state: 'free' });
}

/** The same with mode device. */
async function cycleDevice(n: number, cycle: number): Promise<void> {
  const attachment = await attach(n, '--mode device --size 64M');
  expect(attachment).toMatchObject({ state: 'present', node: -1 });
  const range =
    `memfill --device ${attachment.device?.path} --offset ${attachment.device?.offset} ` +
    `--size 64M --seed ${cycle}`;
  await inBrick(rack, n, `${range} --write && ${range} --check`);
  expect(await detach(n, attachment.id)).toMatchObject({ state: 'free' });
}

describe('again and again', () => {
  it(
    `both modes come and go ${CYCLES} times, in two bricks at once, and nothing grows`,
    { timeout: (CYCLES + WARM_UP) * 60_000 },
    async () => {
      const cycles = async (count: number): Promise<void> => {
        const each = async (cycle: (n: number, i: number) => Promise<void>, n: number) => {
          for (let i = 0; i < count; i++) await cycle(n, i);
        };
        await Promise.all([each(cycleRam, 1), each(cycleDevice, 2)]);
      };
      await cycles(WARM_UP);
      const before = await Promise.all(BRICKS.map((n) => memoryUse(rack, n)));
      await cycles(CYCLES);
      for (const n of BRICKS) {
        expect(growthOf(before[n - 1]!, await memoryUse(rack, n))).toEqual([]);
        await expectNothingAttached(rack, n);
        await expectCleanKernelLog(rack, n);
      }
    },
  );
});

/**
 * Replaces brick 2's configuration and its agent, killed as in a crash: its supervisor starts the next,
 * which reconciles.
 * @param memory of the configuration; undefined: left as it is.
 * @param fault where the next agent is to end itself, once.
 */
async function restart(memory?: object, fault: string = ''): Promise<void> {
  const config = '/etc/sdm/agent.json';
  const change =
    `const fs = require("fs"); const c = JSON.parse(fs.readFileSync("${config}")); ` +
    `c.memory = ${JSON.stringify(memory)}; fs.writeFileSync("${config}", JSON.stringify(c))`;
  if (memory !== undefined) await inBrick(rack, 2, `node -e '${change}'`);
  await inBrick(
    rack,
    2,
    `echo ${fault} >/tmp/fault; ` +
      String.raw`old=$(ps -o pid,args | sed -n 's/^ *\([0-9]*\) .*sdm-agent.cjs serv[e] .*/\1/p') && ` +
      'kill -9 $old',
  );
  await reconciled();
}

/** Waits for the agent that comes next in brick 2, until it takes commands. */
async function reconciled(): Promise<void> {
  await inBrick(rack, 2, 'brickready --timeout 60 --agent /run/sdm/agent.sock');
  const { line } = await agentRefuses(rack, 2, 'detach nothing');
  expect(line).toMatch(/^sdm-agent: SDM_NOT_FOUND: /);
}

// Each test starts several agents, one after another.
describe('memory that the kernel adds itself, by dax/kmem', { timeout: 480_000 }, () => {
  const FULL = '"System RAM (kmem)"';
  const ATTACH = `--id k --size ${SIZE} --node 2`;
  const total = async (): Promise<string | undefined> =>
    (await memory(2)).nodes.find(({ node }) => node === 2)?.totalBytes;

  it('is as good: in its tier, used, kept by the next agent, and given back while in use', async () => {
    // as Debian has it: what the agent does not keep out of a kernel zone stays there
    await inBrick(rack, 2, `echo online >${SYS}/auto_online_blocks`);
    const before = await attach(2, `--id m --size ${SIZE}`);
    await inBrick(
      rack,
      2,
      "sed -i '2i SDM_FAULT=$(cat /tmp/fault); rm -f /tmp/fault; export SDM_FAULT' /etc/sdm/run-agent",
    );
    await restart({ way: 'kmem' });
    // what came by the module's way goes back by it
    await inBrick(rack, 2, 'memfill --node 1 --size 64M --seed 5');
    expect(await detach(2, before.id)).toMatchObject({ state: 'free' });

    const { blocks } = await attach(2, ATTACH);
    expect((await memory(2)).module.regions).toMatchObject([{ state: 'hmem' }]);
    expect(await inBrick(rack, 2, `grep -c ${FULL} /proc/iomem`)).toBe('1\n');
    expect(await total()).toBe(`0x${SIZE.toString(16)}`);
    const tier = (n: number, { nodes }: BrickMemory): number =>
      nodes.find(({ node }) => node === n)?.tier ?? Number.NaN;
    expect(tier(2, await memory(2))).toBeGreaterThan(tier(0, await memory(2)));
    const churn = await holdInBrick(rack, 2, `memchurn --node 2 --size ${64n * MIB}`);
    await restart();
    expect(await agentJson(rack, 2, 'list')).toMatchObject([{ id: 'k', state: 'online', blocks }]);
    expect(await detach(2, 'k')).toMatchObject({ state: 'free' });
    expect(await churn.release()).toBe(0);
    await expectNothingAttached(rack, 2);
  });

  it('leaves nothing of a command that was cut short', async () => {
    const cutShort = async (point: string, command: string): Promise<void> => {
      await restart(undefined, point);
      const { code } = await rack.exec(2, `sdm-agent ${command}`, { timeoutMs: COMMAND_MS });
      expect({ command, code }).not.toMatchObject({ code: 0 });
      await reconciled();
      await expectNothingAttached(rack, 2);
    };
    // while the policy is off, and kmem has the range; then with its blocks offline
    await cutShort('policy.added', `attach ${ATTACH}`);
    await attach(2, ATTACH);
    await cutShort('down.online.after', 'detach k');
  });

  it('holds the map of its own pages where that is configured, by either way', async () => {
    // of each block of 128 MiB 2 MiB are its map
    const less = `0x${(SIZE - (SIZE >> 6n)).toString(16)}`;
    for (const way of ['kmem', 'module']) {
      await restart({ way, memmapOnMemory: true });
      await attach(2, ATTACH);
      expect([way, await total()]).toEqual([way, less]);
      await inBrick(rack, 2, 'memfill --node 2 --size 64M --seed 6');
      await detach(2, 'k');
      await expectNothingAttached(rack, 2);
    }
    expect(await inBrick(rack, 2, `cat ${SYS}/auto_online_blocks`)).toBe('online\n');
    await expectCleanKernelLog(rack, 2);
  });
});

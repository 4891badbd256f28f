import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attachment } from '../../src/agent/api/schemas.js';
import type { Rack } from '../../src/rack/index.js';
import {
  agentJson,
  agentRefuses,
  expectCleanKernelLog,
  holdInBrick,
  inBrick,
  poolIsZero,
  setMemports,
  testRack,
} from '../support/rack.js';

const MIB = 1n << 20n;
/** One attachment of the cycles: two memory blocks. */
const SIZE = 256n * MIB;
const SOAK = process.env['SDM_SOAK'] !== undefined;
const CYCLES = SOAK ? 100 : 10;
const BRICKS = [1, 2] as const;

interface Memory {
  readonly nodes: readonly { node: number; totalBytes: string; tier?: number }[];
  readonly module: { state: string; regions: readonly unknown[] };
  readonly attachedBytes: string;
}

let rack: Rack;

const memory = (n: number): Promise<Memory> => agentJson(rack, n, 'memory');
const attach = (n: number, args: string): Promise<Attachment> =>
  agentJson(rack, n, `attach ${args}`);
const detach = (n: number, id: string): Promise<Attachment> => agentJson(rack, n, `detach ${id}`);
const withMemory = ({ nodes }: Memory): { node: number; totalBytes: string }[] =>
  nodes
    .filter(({ totalBytes }) => totalBytes !== '0x0')
    .map(({ node, totalBytes }) => ({ node, totalBytes }));

/** Nothing is left of any attachment: not in the registers, the module or the kernel. */
async function expectNothingLeft(n: number): Promise<void> {
  expect(setMemports(rack, n)).toEqual([]);
  const left = await memory(n);
  expect(left.module).toMatchObject({ state: 'ok', regions: [] });
  expect(left.attachedBytes).toBe('0x0');
  expect(withMemory(left).map(({ node }) => node)).toEqual([0]);
}

beforeAll(async () => {
  rack = await testRack('attach');
});
afterAll(() => rack?.down());

describe('what cannot be attached', () => {
  it('is refused, and changes nothing', async () => {
    const others = rack.state().bricks[1]?.shares.find((share) => !share.shared);
    const cases = [
      ['--size 100M', 'SDM_INPUT'],
      ['--size 0', 'SDM_INPUT'],
      ['--size 64G', 'SDM_NO_SPACE'],
      ['--size 256M --node 9', 'SDM_INPUT'],
      ['--size 256M --shared', 'SDM_INPUT'],
      ['--size 256M --remote 0x0', 'SDM_NOT_OURS'],
      [`--size 256M --remote ${others?.start}`, 'SDM_NOT_OURS'],
    ] as const;
    const answers = await inBrick(
      rack,
      1,
      cases.map(([args]) => `sdm-agent attach ${args} 2>&1 && echo attached`).join('; ') + '; true',
    );
    expect(answers.trim().split('\n')).toEqual(
      cases.map(([, code]) => expect.stringMatching(`^sdm-agent: ${code}: `)),
    );
    await expectNothingLeft(1);
  });
});

/** Attaches as system RAM, uses it and detaches, again and again. */
async function cycleRam(n: number): Promise<void> {
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const attachment = await attach(n, `--size ${SIZE}`);
    expect(attachment).toMatchObject({ state: 'online', node: 1, size: `0x${SIZE.toString(16)}` });
    expect(setMemports(rack, n)).toMatchObject([
      { start: BigInt(attachment.start), end: BigInt(attachment.end), status: 1 },
    ]);
    const seen = await inBrick(
      rack,
      n,
      `for b in ${attachment.blocks?.join(' ')}; do cd /sys/devices/system/memory/memory$b; ` +
        'cat state valid_zones; done; ' +
        `memfill --node 1 --size ${SIZE / 2n} --seed ${cycle}`,
    );
    expect(seen).toMatch(/^(online\nMovable\n){2}\d+ pages in node 1 filled and verified/);
    expect(await detach(n, attachment.id)).toMatchObject({ state: 'free' });
  }
}

/** The same with mode device. */
async function cycleDevice(n: number): Promise<void> {
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const attachment = await attach(n, '--mode device --size 64M');
    expect(attachment).toMatchObject({ state: 'present', node: -1 });
    const range =
      `memfill --device ${attachment.device?.path} --offset ${attachment.device?.offset} ` +
      `--size 64M --seed ${cycle}`;
    await inBrick(rack, n, `${range} --write && ${range} --check`);
    expect(await detach(n, attachment.id)).toMatchObject({ state: 'free' });
  }
}

describe('both modes', () => {
  it(
    `come and go ${CYCLES} times, in two bricks at once`,
    { timeout: CYCLES * 60_000 },
    async () => {
      const before = await Promise.all(BRICKS.map(memory));
      await Promise.all([cycleRam(1), cycleDevice(2)]);
      if (SOAK) await Promise.all([cycleDevice(1), cycleRam(2)]);
      for (const n of BRICKS) {
        await expectNothingLeft(n);
        expect(withMemory(await memory(n))).toEqual(withMemory(before[n - 1]!));
        await expectCleanKernelLog(rack, n);
      }
    },
  );
});

describe('system RAM', () => {
  it('lies in a tier below DRAM, and in the node that was asked for', async () => {
    const attachment = await attach(1, `--size ${SIZE} --node 2`);
    const { nodes } = await memory(1);
    const tier = (n: number): number => nodes.find((node) => node.node === n)?.tier ?? Number.NaN;
    expect(nodes.find((node) => node.node === 2)?.totalBytes).toBe(`0x${SIZE.toString(16)}`);
    expect(tier(2)).toBeGreaterThan(tier(0));
    await detach(1, attachment.id);
    await expectNothingLeft(1);
  });

  it('is scrubbed when it is given back', async () => {
    const attachment = await attach(1, `--size ${SIZE}`);
    await inBrick(rack, 1, `memfill --node 1 --size ${SIZE / 2n} --seed 7`);
    expect(await poolIsZero(rack, BigInt(attachment.remote), SIZE)).toBe(false);
    await detach(1, attachment.id);
    expect(await poolIsZero(rack, BigInt(attachment.remote), SIZE)).toBe(true);
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
    for (const n of BRICKS) await expectNothingLeft(n);
  });

  it('stays as it is when a page is pinned, and says which block and why', async () => {
    const attachment = await attach(1, `--size ${SIZE}`);
    const pin = await holdInBrick(rack, 1, 'mempin --node 1');
    expect(pin.line).toMatch(/^pinned \d+ pages in node 1$/);

    const { line } = await agentRefuses(rack, 1, `detach ${attachment.id} --offline-timeout 3000`);
    expect(line).toMatch(/^sdm-agent: SDM_OFFLINE_REFUSED: memory block \d+ .*reason: pinned/);
    const [kept] = await agentJson<Attachment[]>(rack, 1, 'list');
    expect(kept).toMatchObject({
      id: attachment.id,
      state: 'online',
      error: { code: 'SDM_OFFLINE_REFUSED' },
    });
    const states = await inBrick(
      rack,
      1,
      `for b in ${attachment.blocks?.join(' ')}; do ` +
        'cat /sys/devices/system/memory/memory$b/state; done',
    );
    expect(states).toBe('online\n'.repeat(attachment.blocks?.length ?? 0));
    expect(setMemports(rack, 1)).toHaveLength(1);
    await inBrick(rack, 1, 'memfill --node 1 --size 64M --seed 9');

    expect(await pin.release()).toBe(0);
    expect(await detach(1, attachment.id)).toMatchObject({ state: 'free' });
    await expectNothingLeft(1);
  });
});

describe('device ranges', () => {
  it('cannot be mapped once they are given back, nor beyond their end', async () => {
    const { id, device } = await attach(2, '--mode device --size 64M');
    const beyond = await rack.exec(
      2,
      `memfill --device ${device?.path} --offset ${device?.offset} --size 66M --seed 1 --check`,
    );
    expect(beyond).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot map') });
    await detach(2, id);
    const after = await rack.exec(
      2,
      `memfill --device ${device?.path} --offset ${device?.offset} --size 64M --seed 1 --check`,
    );
    expect(after).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot map') });
  });

  it('written in one brick are read in the other, and keep their bytes', async () => {
    const args = '--mode device --shared --size 32M --remote 0x2000000';
    const [one, two] = [await attach(1, args), await attach(2, args)];
    const fill = (attachment: Attachment): string =>
      `memfill --device ${attachment.device?.path} --offset ${attachment.device?.offset} ` +
      '--size 32M --seed 0x5eed';
    await inBrick(rack, 1, `${fill(one)} --write`);
    await inBrick(rack, 2, `${fill(two)} --check`);
    await detach(1, one.id);
    await inBrick(rack, 2, `${fill(two)} --check`);
    await detach(2, two.id);
    expect(await poolIsZero(rack, 0x2000000n, 32n * MIB)).toBe(false);
    for (const n of BRICKS) await expectNothingLeft(n);
  });
});

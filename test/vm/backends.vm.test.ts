import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromBuffer, type BlockImage } from '../../src/abi/codec.js';
import type { Brick } from '../../src/agent/api/brick-schema.js';
import type { Attachment, Transceiver } from '../../src/agent/api/schemas.js';
import type { CheckId, Finding } from '../../src/agent/doctor/finding.js';
import { projectDir } from '../../src/common/paths.js';
import type { Rack } from '../../src/rack/index.js';
import { contractBundle, expectContract } from '../support/contract-bundle.js';
import { HandAgent } from '../support/hand-agent.js';
import {
  agentJson,
  agentRefuses,
  COMMAND_MS,
  expectCleanKernelLog,
  inBrick,
  testRack,
} from '../support/rack.js';
import { uioModules } from '../support/uio-module.js';

const TESTS = '/brick/tests';
const REGISTERS = '0000:00:02.0';
const BY_HAND = '/run/by-hand.json';
/** Of the block: memport 0 belongs to the attachment that outlives every change of the way. */
const PORTS = { first: 1, last: 31 };
const DOWN = 2;

const seed = Number(process.env['SDM_SEED'] ?? Date.now() % 1_000_000_007);

/** Memports as people might set them by hand: most fit, and some are wrong in one way or in several. */
const op = fc.record({
  port: fc.integer({ min: PORTS.first, max: PORTS.last }),
  set: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
  // The pool has 1024 granules, and the first is its header.
  first: fc.integer({ min: 0, max: 1027 }),
  count: fc.integer({ min: 1, max: 24 }),
  astray: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 })),
  skew: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.constant(0x1000)),
  outId: fc.nat(11),
  inId: fc.nat(3),
});
const OPS = fc.sample(op, { seed, numRuns: 60 });

interface Asked {
  readonly brick: Brick;
  readonly attachments: readonly Attachment[];
  readonly transceivers: readonly Transceiver[];
}
interface Way {
  readonly kind: 'bar' | 'sysfs' | 'uio';
  /** By which a brick that has the way before has this one; while no agent runs. */
  readonly bind: () => string;
}

let rack: Rack;
let agent: HandAgent;
let uio: Awaited<ReturnType<typeof uioModules>>;
const WAYS: Way[] = [
  { kind: 'bar', bind: () => 'true' },
  { kind: 'sysfs', bind: () => 'insmod /opt/sdm/sdmc.ko' },
  { kind: 'uio', bind: () => `rmmod sdmc && ${uio.insert}` },
];

const brick = (command: string): Promise<string> => inBrick(rack, 1, command);
const guest = async <T>(args: string): Promise<T> =>
  JSON.parse(await brick(`node ${TESTS}/guest-api.mjs ${args}`)) as T;
/** An agent of another configuration, which must not come up. */
const refusedAgent = async (registers: object): Promise<string> => {
  const config = { brick: 'other', registers, stateDir: '/run/other', socket: '/run/other.sock' };
  const { code, stderr } = await rack.exec(
    1,
    `echo '${JSON.stringify(config)}' >${BY_HAND}; sdm-agent serve --config ${BY_HAND}`,
    { timeoutMs: COMMAND_MS },
  );
  expect(code).toBe(1);
  return stderr.trim().split('\n').at(-1)!;
};
/** The block as it is in the host's file. */
const image = (): BlockImage => fromBuffer(readFileSync(rack.registersPath(1)));

beforeAll(async () => {
  console.log(`memports of seed ${seed}; SDM_SEED=${seed} repeats them`);
  uio = await uioModules(TESTS);
  rack = await testRack('backends', {
    bricks: 1,
    append: 'sdm.agent=no',
    extra: [
      ...uio.files,
      { path: `${TESTS}/contract.mjs`, data: await contractBundle() },
      { path: `${TESTS}/ops.json`, data: JSON.stringify(OPS) },
      {
        path: `${TESTS}/guest-api.mjs`,
        data: readFileSync(join(projectDir(), 'test/vm/guest-api.mjs')),
      },
    ],
  });
  agent = new HandAgent(rack, 1);
});
afterAll(() => rack?.down());

// In a brick where no memport is set yet.
describe('the contract of backends', () => {
  afterAll(() => brick(uio.remove));
  it.each(WAYS)('is kept by $kind', async ({ kind, bind }) => {
    await brick(bind());
    await expectContract(rack, 1, `${TESTS}/contract.mjs`, kind);
  });
});

let first: { readonly results: unknown; readonly after: BlockImage } | undefined;

// In order: each way goes on from what the one before has left, under the same journal.
describe.each(WAYS)('registers by $kind', ({ kind, bind }) => {
  it('are found, and what was attached by another way is still attached', async () => {
    await brick(bind());
    await agent.start();
    if (kind === 'bar') await agentJson(rack, 1, 'attach --size 64M --mode device --id kept');
    const { brick: seen, attachments } = await guest<Asked>('ask');
    expect(seen).toMatchObject({
      registers: { backend: kind, at: REGISTERS, nports: 32 },
      pool: { at: '0000:00:03.0' },
      verdict: 'usable',
    });
    expect(seen.advice.filter(({ about }) => about === 'driver')).toEqual([]);
    expect(attachments).toMatchObject([{ id: 'kept', state: 'present', memport: 0 }]);
  });

  it('take the same memports as by any other way, and refuse the same', async () => {
    await rack.link(1, DOWN, false);
    const results = await guest<{ status: number; code?: string }[]>(`run ${TESTS}/ops.json`);
    const after = image();
    const { transceivers } = await guest<Asked>('ask');
    expect(transceivers.map(({ up }) => up)).toEqual([true, true, false, true]);
    await rack.link(1, DOWN, true);
    const cleared = await guest<object[]>('clear');
    expect(cleared).toEqual(cleared.map(() => ({ status: 200, statusName: 'inactive' })));
    expect(image().memports.map(({ set }) => set)).toEqual(after.memports.map((_, n) => n === 0));

    // Otherwise nothing would be compared.
    expect(results.filter(({ status }) => status === 200).length).toBeGreaterThan(15);
    expect(results.filter(({ status }) => status !== 200).length).toBeGreaterThan(5);
    first ??= { results, after };
    expect({ kind, results }).toEqual({ kind, results: first.results });
    // What was not written to this time is from before.
    const written = new Set(
      OPS.filter(
        ({ set }, n) => set && ['SDM_MEMPORT_REFUSED', undefined].includes(results[n]?.code),
      ).map(({ port }) => port),
    );
    expect(written.size).toBeGreaterThan(10);
    const memports = ({ memports: all }: BlockImage): object => ({
      kind,
      written: [...written].map((port) => [port, all[port]]),
    });
    expect(memports(after)).toEqual(memports(first.after));
  });

  it('lead to memory that is used as RAM', async () => {
    const attachment = await agentJson<Attachment>(rack, 1, 'attach --size 256M --id ram');
    expect(attachment).toMatchObject({ state: 'online', node: 1 });
    expect(image().memports[attachment.memport]).toMatchObject({
      set: true,
      start: BigInt(attachment.start),
      end: BigInt(attachment.end),
      status: 1,
    });
    await brick('memfill --node 1 --size 128M --seed 5');
    expect(await agentJson(rack, 1, 'detach ram')).toMatchObject({ state: 'free' });
    expect(image().memports[attachment.memport]).toMatchObject({ set: false, status: 0 });
  });

  it('are one agent’s: another one is refused', async () => {
    expect(await refusedAgent({ backend: kind })).toMatch(/SDM_BLOCK_LOCKED: .*process \d+/);
    await agent.stop();
  });

  it('are found sound by doctor, which leaves them as they were', async () => {
    const before = readFileSync(rack.registersPath(1)).toString('hex');
    const { findings } = JSON.parse(
      (await rack.exec(1, 'sdm-agent doctor --json', { timeoutMs: COMMAND_MS })).stdout,
    ) as { findings: Finding[] };
    const level = (id: CheckId): unknown => findings.find((finding) => finding.id === id)?.level;
    expect({
      source: level('registers-source'),
      access: level('registers-access'),
      pci: level('pci'),
      scratch: level('scratch'),
      journal: level('journal'),
    }).toEqual({ source: 'ok', access: 'ok', pci: 'ok', scratch: 'ok', journal: 'ok' });
    expect(readFileSync(rack.registersPath(1)).toString('hex')).toBe(before);
  });

  it('leave no complaint in the kernel’s log', () => expectCleanKernelLog(rack, 1));

  if (kind !== 'sysfs') return;
  it('are not reached past a driver, and both ways out are named', async () => {
    expect(await refusedAgent({ backend: 'bar', pci: REGISTERS })).toMatch(
      /SDM_DEVICE_BUSY: .*"sdmc".*"auto" or "sysfs".*echo 0000:00:02\.0 > .*\/sdmc\/unbind/,
    );
    expect(await refusedAgent({ backend: 'bar' })).toMatch(/SDM_NO_REGISTERS: .*sdmc\/unbind/);
    const { line } = await agentRefuses(
      rack,
      1,
      `registers format --pci ${REGISTERS} --profile zynq --force`,
    );
    expect(line).toMatch(/^sdm-agent: SDM_DEVICE_BUSY: .*sdmc\/unbind/);
    // a look takes no lock and goes the same way as the agent
    const looked = await agentJson<Brick>(rack, 1, 'probe --direct');
    expect(looked).toMatchObject({ source: 'direct', registers: { backend: 'sysfs' } });
    expect(looked.registers?.set.map(({ port }) => port)).toEqual([0]);
  });
});

describe('a driver that goes and comes', () => {
  it('is missed by name, and the agent does not go on with a new one', async () => {
    const driver = '/sys/bus/pci/drivers/sdmc';
    await brick(`${uio.remove} && insmod /opt/sdm/sdmc.ko`);
    await agent.start();
    await brick(`echo ${REGISTERS} >${driver}/unbind`);
    const gone =
      /^sdm-agent: SDM_NO_REGISTERS: the driver sdmc is not bound to 0000:00:02\.0 any more/;
    expect((await agentRefuses(rack, 1, 'memport list')).line).toMatch(gone);
    const set = 'memport set 9 --start 0x8010000000 --size 2M --remote 0x10000000';
    expect((await agentRefuses(rack, 1, set)).line).toMatch(gone);
    await brick(`echo ${REGISTERS} >${driver}/bind`);
    // it has not the lock of these files
    expect((await agentRefuses(rack, 1, 'memport list')).line).toMatch(gone);
    await agent.stop();
    await agent.start();
    const { brick: seen, attachments } = await guest<Asked>('ask');
    expect(seen.registers?.backend).toBe('sysfs');
    expect(await agentJson(rack, 1, 'detach kept')).toMatchObject({ state: 'free' });
    expect(attachments).toMatchObject([{ id: 'kept', state: 'present' }]);
    await agent.stop();
  });

  it('takes the BAR away from an agent that has it mapped', async () => {
    await brick('rmmod sdmc');
    await agent.start();
    expect((await guest<Asked>('ask')).brick.registers?.backend).toBe('bar');
    // The kernel revokes the mapping, and the next look at the links is a SIGBUS.
    await brick('insmod /opt/sdm/sdmc.ko');
    await agent.ended();
    await agent.start();
    expect((await guest<Asked>('ask')).brick.registers?.backend).toBe('sysfs');
    await agent.stop();
    await expectCleanKernelLog(rack, 1);
  });
});

describe('registers that translate', () => {
  it('need no pool to attach: window and remote memory are their own', async () => {
    const share = { start: '0x800000000', size: '0x40000000' };
    const config = { brick: 'board', registers: { backend: 'auto' }, shares: [share] };
    // The window is where the BAR of the pool is, so that there is memory behind it.
    await brick(
      'rmmod sdmc && sdm-agent registers format --force --profile zynq --granule 2M ' +
        `--pci ${REGISTERS} --window-base 0x8000000000 --window-size 2G && ` +
        'insmod /opt/sdm/sdmc.ko && ' +
        `echo '${JSON.stringify({ ...config, stateDir: '/run/board' })}' >/etc/sdm/agent.json`,
    );
    await agent.start();
    const attachment = await agentJson<Attachment>(rack, 1, 'attach --size 256M --id far');
    expect(attachment).toMatchObject({ state: 'online', remote: share.start });
    expect(image().memports[attachment.memport]).toMatchObject({
      set: true,
      start: BigInt(attachment.start),
      remote: BigInt(share.start),
      status: 1,
    });
    const { brick: seen } = await guest<Asked>('ask');
    expect(seen).toMatchObject({
      verdict: 'usable',
      registers: { backend: 'sysfs', translation: true },
      pool: { at: 'remote', start: null, size: '0x1000000000' },
    });
    await brick('memfill --node 1 --size 128M --seed 6');
    expect(await agentJson(rack, 1, 'detach far')).toMatchObject({ state: 'free' });
    await agent.stop();
    await expectCleanKernelLog(rack, 1);
  });
});

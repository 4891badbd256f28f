import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BLOCK_MAX, hex, STATUS } from '../../src/abi/codec.js';
import type { Attachment } from '../../src/agent/api/schemas.js';
import type { CheckId, Finding } from '../../src/agent/doctor/finding.js';
import { waitFor } from '../../src/common/wait.js';
import { native } from '../../src/native/index.js';
import { ensureArtifacts } from '../../src/rack/artifacts/index.js';
import type { Rack } from '../../src/rack/index.js';
import { kernelModules } from '../../src/rack/kernel-modules.js';
import { anyOffset, type Request } from '../abi/model.js';
import { anyRequest } from '../abi/requests.js';
import { contractBundle, expectContract } from '../support/contract-bundle.js';
import { GuestApi, guestApiProgram } from '../support/guest-api.js';
import { compileForGuest, guestProgram } from '../support/guest-tests.js';
import { HandAgent } from '../support/hand-agent.js';
import {
  BUILD_MS,
  DEVICE,
  deviceOf,
  mapInBrick,
  type SdmMemport,
  WINDOW_BAR,
  windowProgram,
} from '../support/patched.js';
import {
  COMMAND_MS,
  expectCleanKernelLog,
  holdInBrick,
  inBrick,
  testRack,
} from '../support/rack.js';
import { expectNothingAttached } from '../support/remote-memory.js';
import { memoryDir } from '../support/scratch.js';
import { asLine, ERRNO, statuses } from '../support/sdmc-requests.js';

const MIB = 1n << 20n;
const GIB = 1n << 30n;
const TESTS = '/brick/tests';
const TREE = `/sys/sdmc/devices/${DEVICE}`;
const REGISTERS_BAR = `/sys/bus/pci/devices/${DEVICE}/resource0`;
/** Memports that are tried at random. */
const BATCH = 300;
const DOWN = 2;

let rack: Rack;
let agent: HandAgent;
/** Of that agent, whenever there is one. */
let api: GuestApi;
const work = memoryDir('patched');
const brick = (command: string): Promise<string> => inBrick(rack, 1, command);
/** Where the agent's journal outlives the brick. */
const mount = (): Promise<string> => brick('mkdir -p /kept && mount -t ext4 /dev/vdb /kept');

type Space = Readonly<Record<'windowBase' | 'windowSize' | 'remoteSize' | 'granule', bigint>>;
interface Way {
  readonly kind: 'bar' | 'sysfs';
  /** By which a brick that has the way before has this one; while no agent runs. */
  readonly bind: string;
}
/** The driver is to hear of links by the interrupt alone. */
const WAYS: readonly Way[] = [
  { kind: 'bar', bind: 'true' },
  { kind: 'sysfs', bind: 'insmod /opt/sdm/sdmc.ko link_poll_ms=0' },
];

/** A request for each answer that does not need a link to be down, each at a port of its own. */
function knownRequests(
  { windowBase, windowSize, remoteSize, granule }: Space,
  ports: readonly number[],
): { readonly request: Request; readonly status: number }[] {
  const place = windowBase + windowSize / 2n;
  const far = 16n * granule;
  const cases = [
    // twice the same of the remote space, far apart in the window
    { status: STATUS.ACTIVE, start: place, remote: far },
    { status: STATUS.ACTIVE, start: place + far, remote: far },
    { status: STATUS.OVERLAP, start: place, remote: 2n * far },
    { status: STATUS.ALIGNMENT, start: place + 2n * far, remote: granule / 2n },
    { status: STATUS.WINDOW, start: windowBase + windowSize, remote: far },
    { status: STATUS.REMOTE, start: place + 2n * far, remote: remoteSize },
    { status: STATUS.RANGE, start: place + 2n * far, remote: far, size: 0n },
  ];
  return cases.map(({ status, start, remote, size = granule }, i) => ({
    request: {
      ...{ port: ports[i]!, start, end: start + size - 1n, outId: 1n, inId: 0n, set: true },
      offset: anyOffset(start, remote),
    },
    status,
  }));
}

/** A memport that the device has, as it was asked for. */
const asRequest = (memport: SdmMemport): Request => {
  const start = BigInt(memport.start);
  const end = start + BigInt(memport.size) - 1n;
  const [outId, inId] = [BigInt(memport['out-id']), BigInt(memport['in-id'])];
  return {
    ...{ port: memport.port, start, end, outId, inId, set: true },
    offset: anyOffset(start, BigInt(memport.remote)),
  };
};

beforeAll(async () => {
  rack = await testRack('patched-registers', {
    qemu: 'patched',
    bricks: 1,
    append: 'sdm.agent=no',
    disk: 64n * MIB,
    agent: { stateDir: '/kept/state' },
    extra: [
      ...(await kernelModules(await ensureArtifacts(), ['ext4'])),
      { path: `${TESTS}/contract.mjs`, data: await contractBundle() },
      guestProgram(`${TESTS}/sdmctool`, await compileForGuest('sdmctool', work)),
      await windowProgram(work),
      guestApiProgram(),
    ],
  });
  agent = new HandAgent(rack, 1);
  api = new GuestApi(rack, 1);
  await mount();
}, BUILD_MS);
afterAll(() => rack?.down());

// Before the module has the window.
describe('the BARs, mapped by a program', () => {
  it('answer aligned accesses of 64 bits to registers, and no others; the brick lives', async () => {
    await brick(`echo 1 >/sys/bus/pci/devices/${DEVICE}/enable`);
    const map = await mapInBrick(rack, 1, REGISTERS_BAR, 0, 0x10000);
    expect(await map.ask('read 0 8')).toBe('0x1504d4453');
    for (const line of ['read 0 4', 'read 4 4', 'read 0 1', 'read 1 8', 'read 3 2']) {
      expect([line, await map.ask(line)]).toEqual([line, 'SIGBUS']);
    }
    expect(await map.ask('read 0xfff8 8')).toBe('0');
    expect(await map.ask('read 0 8')).toBe('0x1504d4453');
    expect(await map.end()).toBe(0);
  });

  it.each(['resource2', 'resource2_wc'])('show nothing in the window, by %s', async (file) => {
    const bar = join(WINDOW_BAR, '..', file);
    for (const at of [0n, 33n * GIB, 64n * GIB - 0x10000n]) {
      const map = await mapInBrick(rack, 1, bar, at, 0x10000);
      for (const line of ['read 0 8', 'write 0xfff8 1', 'read 0x1000 1', 'odd 0 0x8000']) {
        expect([at, line, await map.ask(line)]).toEqual([at, line, 'SIGBUS']);
      }
      expect(await map.end()).toBe(0);
    }
    await expectCleanKernelLog(rack, 1);
  });
});

describe('the contract of backends', () => {
  afterAll(() => brick('rmmod sdmc'));
  it.each(WAYS)('is kept by $kind, on the device', async ({ kind, bind }) => {
    await brick(bind);
    await expectContract(rack, 1, `${TESTS}/contract.mjs`, kind);
  });
});

// In order: each way goes on from what the one before has left, under the same journal.
describe.each(WAYS)('an agent by $kind', ({ kind, bind }) => {
  it('finds the device, sound in the eyes of doctor', async () => {
    await brick(bind);
    const { stdout } = await rack.exec(1, 'sdm-agent doctor --json', { timeoutMs: COMMAND_MS });
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    const level = (id: CheckId): unknown => findings.find((finding) => finding.id === id)?.level;
    const ids = ['registers-source', 'registers-access', 'pci', 'scratch'] as const;
    expect({ stdout, levels: ids.map(level) }).toMatchObject({ levels: ids.map(() => 'ok') });

    await agent.start();
    expect(await api.brick()).toMatchObject({
      verdict: 'usable',
      registers: { backend: kind, at: DEVICE, translation: true, nports: 32 },
      pool: { at: 'remote' },
    });
  });

  it('attaches, keeps what was attached by the other way, and detaches', async () => {
    if (kind === 'bar') await api.attach({ id: 'kept', mode: 'device', size: hex(64n * MIB) });
    expect(await api.attachments()).toMatchObject([{ id: 'kept', state: 'present' }]);
    const ram = await api.attach({ id: 'ram', size: hex(256n * MIB) });
    expect(ram).toMatchObject({ state: 'online', node: 1 });
    await brick('memfill --node 1 --size 128M --seed 5');
    expect((await deviceOf(rack, 1)).memports).toMatchObject([
      { status: 'active', size: Number(64n * MIB) },
      { status: 'active', start: Number(BigInt(ram.start)), remote: Number(BigInt(ram.remote)) },
    ]);
    expect(await api.detach('ram')).toMatchObject({ state: 'free' });
    await agent.stop();
    await expectCleanKernelLog(rack, 1);
  });
});

describe('a link that the rack pulls', () => {
  it('wakes who polls in the brick, by an interrupt', async () => {
    const interrupts = async (): Promise<number> =>
      Number(
        await brick(
          "awk '/sdmc/ { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' " +
            '/proc/interrupts',
        ),
      );
    const before = await interrupts();
    for (const up of [false, true]) {
      const poll = await holdInBrick(
        rack,
        1,
        `${TESTS}/sdmctool poll ${TREE}/transceiver/linkStatus`,
      );
      expect(poll.line).toBe('polling');
      await rack.link(1, DOWN, up);
      expect(await poll.release()).toBe(0);
      expect(await brick(`sed -n ${DOWN + 1}p ${TREE}/transceiver/linkStatus`)).toBe(
        `${DOWN} ${up ? 'Up' : 'Down'}\n`,
      );
    }
    expect(await interrupts()).toBe(before + 2);
  });

  it('is seen by the agent, through the driver: down, and up again', async () => {
    await agent.start();
    const seen: boolean[] = [];
    for (const up of [false, true]) {
      await rack.link(1, DOWN, up);
      seen.push(up);
      const told = async (): Promise<unknown[] | undefined> => {
        const events = await api.linkEvents(DOWN);
        return events.length >= seen.length ? events : undefined;
      };
      const what = `the agent to tell that the link is ${up ? 'up' : 'down'}`;
      expect(await waitFor(what, told, { timeoutMs: COMMAND_MS })).toEqual(seen);
      expect((await api.transceivers())[DOWN]).toMatchObject({ up });
    }
    await agent.stop();
  });
});

describe('random memports', () => {
  it('end as in the addon, the reference of all devices', async () => {
    const { 'window-base': base, granule, memports } = await deviceOf(rack, 1);
    const windowBase = BigInt(base);
    const remoteSize = BigInt(rack.state().poolSize);
    const header = { windowBase, windowSize: 64n * GIB, remoteSize, granule: BigInt(granule) };
    const seed = Date.now() & 0x7fffffff;
    // as if the window were as long as the pool: else nearly nothing would be below its end
    const around = { nports: 32, ...header, windowSize: remoteSize };
    const taken = memports.map((memport) => asRequest(memport));
    const free = Array.from({ length: 32 }, (_, port) => port).filter((port) =>
      taken.every((other) => other.port !== port),
    );
    // Met whatever the seed is, at ports that random ones use later.
    const examples = knownRequests(header, free);
    const requests = [
      ...examples.map(({ request }) => request),
      ...fc
        .sample(anyRequest(around, true), { numRuns: BATCH, seed })
        .filter(({ port }) => free.includes(port)),
    ];

    const model = join(work, 'model');
    writeFileSync(model, Buffer.alloc(BLOCK_MAX));
    native.formatRegisters({ path: model }, { profile: 'zynq', ...header });
    const block = native.openRegisters({ path: model });
    let expected: number[];
    try {
      expect(statuses(block, taken)).toEqual(taken.map(() => STATUS.ACTIVE));
      expected = statuses(block, requests);
      expect(expected.slice(0, examples.length)).toEqual(examples.map(({ status }) => status));
    } finally {
      block.close();
    }
    const { stdout, stderr } = await rack.exec(1, `${TESTS}/sdmctool program ${TREE}`, {
      input: requests.map((request, n) => `${asLine(request, n)}\n`).join(''),
      timeoutMs: COMMAND_MS,
    });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n'), `seed ${seed}`).toEqual(
      expected.map((status) => `${ERRNO.get(status)} ${status}`),
    );
    // so that the agent finds no foreign memports
    const ports = [...new Set(requests.map(({ port }) => port))];
    await brick(
      `for p in ${ports.join(' ')}; do echo $p >${TREE}/memport/memport$p/clear || exit 1; done`,
    );
  });
});

describe('an agent that keeps its journal, in a brick whose QEMU is killed', () => {
  it('sets its memports again at the next boot, and their bytes are there', async () => {
    await agent.start();
    const kept = await api.attachments();
    await api.attach({ id: 'ram', size: hex(256n * MIB) });
    const file = (how: string): string =>
      `memfill --device ${kept[0]?.device?.path} --offset ${kept[0]?.device?.offset} ` +
      `--size 64M --seed 77 --${how}`;
    await brick(file('write'));
    const before = (await deviceOf(rack, 1)).memports;
    expect(before).toHaveLength(2);
    process.kill((await rack.status()).bricks[0]!.pid!, 'SIGKILL');
    const dead = async (): Promise<true | undefined> =>
      (await rack.status()).state === 'dead' ? true : undefined;
    await waitFor('the brick to end', dead, { timeoutMs: 20_000 });

    await rack.boot(1);
    expect((await deviceOf(rack, 1)).memports).toEqual([]);
    await mount();
    await agent.start();
    api = new GuestApi(rack, 1);
    const restored = async (): Promise<Attachment[] | undefined> => {
      const all = await api.attachments();
      return all.every(({ waits }) => waits === undefined) ? all : undefined;
    };
    const now = await waitFor('all to be restored', restored, { timeoutMs: COMMAND_MS });
    expect(now).toMatchObject([
      { id: 'kept', state: 'present', start: kept[0]?.start, remote: kept[0]?.remote },
      { id: 'ram', state: 'online', node: 1 },
    ]);
    expect((await deviceOf(rack, 1)).memports).toEqual(before);
    await brick(`${file('check')} && memfill --node 1 --size 128M --seed 6`);
    for (const { id } of now) await api.detach(id);
    await expectNothingAttached(rack, 1);
    expect(await api.end()).toBe(0);
    await agent.stop();
    await expectCleanKernelLog(rack, 1);
  });
});

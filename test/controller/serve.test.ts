import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { waitFor } from '../../src/common/wait.js';
import type { Topology } from '../../src/controller/inventory/topology-schema.js';
import type { PlatformView } from '../../src/controller/views.js';
import {
  makeControllerRack,
  SEGMENT,
  type ControllerRack,
  type ControllerRackOptions,
} from '../support/controller-rack.js';

const size = (segments: number): string => `0x${(SEGMENT * BigInt(segments)).toString(16)}`;
const DEADLINE = { timeoutMs: 20_000 };

let rack: ControllerRack;
async function inventory(options: ControllerRackOptions = {}): Promise<void> {
  rack = await makeControllerRack({ daemons: [], ...options });
}
afterEach(() => rack.remove());

const create = async (more: object = {}): Promise<PlatformView> =>
  (await rack.ask('POST', '/v1/platforms', {
    ...{ cores: 1, remoteMemory: size(2), pathUtil: 30 },
    ...more,
  })) as PlatformView;

interface Failed {
  readonly details: { readonly log: readonly string[] };
}

test('what was acknowledged is there after SIGKILL, with the same segments, and ids go on', async () => {
  await inventory();
  const first = await rack.startController();
  const made = [await create(), await create({ name: 'second' })];
  await rack.ask('DELETE', `/v1/platforms/${made[1]!.id}`);
  made[1] = await create();
  const totals = await rack.ask('GET', '/v1/totals');
  const { epoch } = first.ready;
  await first.stop('SIGKILL');
  const second = await rack.startController();
  expect(await rack.ask('GET', '/v1/platforms')).toEqual({ platforms: made });
  expect(await rack.ask('GET', '/v1/totals')).toEqual(totals);
  expect(BigInt(second.ready['epoch'] as string)).toBe(BigInt(epoch as string) + 1n);
  expect((await create()).id).toBe(4);
});

test('a topology without something that is reserved is refused, and says what', async () => {
  await inventory();
  const first = await rack.startController();
  const { id, attachments } = await create();
  await first.stop();
  const memory = attachments[0]!.memory;
  const whole = readFileSync(rack.topologyFile, 'utf8');
  const topology = JSON.parse(whole) as { racks: { boxes: { trays: { bricks: object[] }[] }[] }[] };
  const tray = topology.racks[0]!.boxes[0]!.trays[0]!;
  const slot = Number(memory.split('.')[2]);
  tray.bricks = tray.bricks.filter((brick) => (brick as { id: number }).id !== slot);
  const links = (JSON.parse(whole) as Topology).links!.filter(({ a }) => !a.startsWith(memory));
  writeFileSync(rack.topologyFile, JSON.stringify({ ...topology, links }));
  const failed = (await rack.startController().catch((error: unknown) => error)) as Failed;
  expect(failed.details.log.join('\n')).toContain(`platform ${id} has something of memory brick`);
  expect(failed.details.log.join('\n')).toContain(memory);
  // nothing is lost by that
  writeFileSync(rack.topologyFile, whole);
  await rack.startController();
  expect(await rack.ask('GET', `/v1/platforms/${id}`)).toMatchObject({ state: 'active' });
});

/** What a controller that does not start says, after what it logged. */
async function refused(): Promise<string> {
  const failed = (await rack.startController().catch((error: unknown) => error)) as Failed;
  const said = failed.details.log.filter((line) => !line.startsWith('{'));
  return said.join('\n');
}

test('a second controller on the same store does not start, and says so in one line', async () => {
  await inventory();
  await rack.startController();
  expect(await refused()).toMatch(/^sdm-controller: SDM_LOCKED: .* is locked by process .*$/);
  expect(await rack.ask('GET', '/v1/platforms')).toEqual({ platforms: [] });
});

test.each([
  ['file', /^sdm-controller: SDM_CONFIG: the store cannot be in .*: it is a file; .*$/],
  ['file/below', /^sdm-controller: SDM_CONFIG: the store cannot be in .* is a file; .*$/],
  ['/proc/sdm', /^sdm-controller: SDM_CONFIG: .*\/proc\/sdm: nothing can be made there; .*$/],
])('a store that cannot be in %s is refused in one line', async (store, line) => {
  const file = join(mkdtempSync(join(tmpdir(), 'sdm-serve-')), 'file');
  writeFileSync(file, '');
  try {
    await inventory({ config: { store: resolve(file, '..', store) } });
    expect(await refused()).toMatch(line);
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
});

test('drained: nothing new goes there, also after a restart, and what is there stays', async () => {
  await inventory({ computes: 1, memories: 1 });
  const first = await rack.startController();
  const { id } = await create();
  await rack.ask('POST', '/v1/bricks/0.0.0/drain');
  await expect(create()).rejects.toMatchObject({ code: expect.stringMatching(/^SDM_NO_/) });
  await first.stop('SIGKILL');
  await rack.startController();
  await expect(create()).rejects.toMatchObject({ code: expect.stringMatching(/^SDM_NO_/) });
  expect(await rack.ask('GET', '/v1/bricks/0.0.0')).toMatchObject({ drained: true });
  expect(await rack.ask('GET', `/v1/platforms/${id}`)).toMatchObject({ state: 'active' });
  await rack.ask('POST', '/v1/bricks/0.0.0/undrain');
  await create();
});

test('a platform whose lease ends is released', async () => {
  await inventory();
  await rack.startController();
  const { id, lease } = await create({ leaseTtlMs: 1500 });
  expect(lease).toMatchObject({ ttlMs: 1500 });
  await rack.ask('POST', `/v1/leases/${lease!.id}/keepalive`);
  await waitFor(
    'the platform to go',
    () =>
      rack.ask('GET', `/v1/platforms/${id}`).then(
        () => undefined,
        () => true,
      ),
    DEADLINE,
  );
  expect(await rack.ask('GET', '/v1/totals')).toMatchObject({ platforms: 0, segmentsFree: 32 });
});

test('a tray that registers adds its bricks while platforms are there, for good', async () => {
  await inventory({ computes: 1, memories: 1 });
  const first = await rack.startController();
  const { id } = await create();
  const registration = {
    ...{ id: '0.1.0', role: 'tray', run: 'abcdef01', address: 'unix:/run/nobody.sock' },
    bricks: [
      { id: '0.1.0', type: 'compute', islands: [16], memory: '0x40000000', transceivers: 1 },
      { id: '0.1.1', type: 'memory', segments: 64, transceivers: 1 },
    ],
    // by a cable: there is no switch that its daemon would have to set
    links: [{ a: '0.1.0/0', b: '0.1.1/0' }],
  };
  expect(await rack.ask('POST', '/v1/trays', registration)).toMatchObject({ id: '0.1.0' });
  expect(await rack.ask('POST', '/v1/trays', registration)).toMatchObject({ id: '0.1.0' });
  const wide = { cores: 12, remoteMemory: size(40), pathUtil: 0 };
  expect(await create(wide)).toMatchObject({ brick: '0.1.0' });
  expect(await rack.ask('GET', `/v1/platforms/${id}`)).toMatchObject({ state: 'active' });
  const all = await rack.ask('GET', '/v1/platforms');
  await first.stop('SIGKILL');
  await rack.startController();
  expect(await rack.ask('GET', '/v1/platforms')).toEqual(all);
  // in use: its shape may not change
  const less = {
    ...registration,
    bricks: [{ id: '0.1.1', type: 'memory', segments: 8, transceivers: 1 }],
  };
  await expect(rack.ask('POST', '/v1/trays', less)).rejects.toMatchObject({
    code: 'SDM_BRICK_IN_USE',
  });
});

test('plan and explain say what would be done, in the forms of D4.4, and change nothing', async () => {
  await inventory();
  await rack.startController();
  const totals = await rack.ask('GET', '/v1/totals');
  const body = { cores: 2, remoteMemory: size(3), pathUtil: 10 };
  const plan = (await rack.ask('POST', '/v1/plan', body)) as {
    readonly attachments: readonly object[];
  };
  expect(plan).toMatchObject({
    brick: '0.0.0',
    switches: { dBOXSwitchesConfigs: [{ switchId: 'dbesm-0-0', ports: expect.any(String) }] },
    command: { action: 'Add', cIP: '10.0.0.1', segments: [{ startA: 0, net: expect.any(Number) }] },
  });
  expect(await rack.ask('POST', '/v1/explain', body)).toMatchObject({ fits: true, plan });
  expect(await rack.ask('POST', '/v1/explain', { ...body, cores: 5 })).toMatchObject({
    fits: false,
    refusal: { resource: 'cores', asked: 5, found: 4, nearest: { cores: 4 } },
  });
  expect(await rack.ask('GET', '/v1/totals')).toEqual(totals);
  const made = await create(body);
  expect(made.attachments[0]).toMatchObject(plan.attachments[0]!);
});

test('a create without an answer: the same key finds what came of it, or does it', async () => {
  await inventory();
  const key = { 'idempotency-key': 'once' };
  const body = { cores: 1, remoteMemory: size(2) };
  for (const point of ['allocate.active.before', 'allocate.active.after']) {
    const controller = await rack.startController({ SDM_FAULT: point });
    await expect(rack.ask('POST', '/v1/platforms', body, key)).rejects.toMatchObject({
      code: 'SDM_UNREACHABLE',
    });
    await controller.stop();
  }
  await rack.startController();
  const made = await rack.ask('POST', '/v1/platforms', body, key);
  expect(made).toMatchObject({ id: 1, state: 'active' });
  expect(await rack.ask('GET', '/v1/platforms')).toEqual({ platforms: [made] });
});

test('stops when it is told to, and refuses what cannot be configured', async () => {
  await inventory();
  const controller = await rack.startController();
  expect(await controller.stop()).toBe(0);
  const file = join(rack.dir, 'controller.json');
  writeFileSync(file, JSON.stringify({ topology: rack.topologyFile, polcy: 'nearest' }));
  const failed = (await rack.startController().catch((error: unknown) => error)) as Failed;
  expect(failed.details.log.join('\n')).toMatch(/SDM_CONFIG: .*polcy.*policy/);
});

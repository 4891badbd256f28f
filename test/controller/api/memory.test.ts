import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { makeBrick, type Brick, type RunningAgent } from '../../support/agent.js';
import { makePki } from '../../support/pki.js';
import { scratchDir } from '../../support/scratch.js';
import { exchange } from './raw.js';
import { makePlace, startController, type Running } from './start.js';
import { smallTopology } from './topology.js';

const SEGMENT = 2n << 20n;
let bricks: readonly [Brick, Brick];
let second: RunningAgent;
let controller: Running;

beforeAll(async () => {
  bricks = await Promise.all([makeBrick(), makeBrick()]);
  await bricks[0].start();
  second = await bricks[1].start();
  const addresses = bricks.map(({ socket }) => `unix:${socket}`);
  const place = makePlace(
    join(scratchDir('controller-memory'), 'c'),
    smallTopology({ compute: 3, addresses }),
  );
  controller = await startController(place);
}, 60_000);
afterAll(async () => {
  await controller?.stop();
  await Promise.all((bricks ?? []).map((brick) => brick.remove()));
});

async function ask(path: string, body: unknown, of = controller) {
  const { status, text } = await exchange(of.client.address, 'POST', path, body);
  return { status, body: JSON.parse(text) as Record<string, never> };
}
const ADD = '/api/memory/addremotememory';
const REMOVE = '/api/memory/removeremotememory';

/** Where brick 0.0.0 has its window, and a segment of the pool in it, as the old programs wrote them. */
async function segment(of = bricks[0]) {
  const { body: brick } = await of.ask({ path: '/v1/brick' });
  const base = BigInt((brick as { registers: { windowBase: string } }).registers.windowBase);
  const digits = (value: bigint): string => value.toString(16);
  return {
    startA: digits(base + SEGMENT),
    endA: digits(base + 2n * SEGMENT - 1n),
    port: 0,
    offset: digits((1n << 63n) | base),
  };
}
const KEY = { dRackId: 0, dBoxId: 0, dBrickId: 0 };

describe("the synthesizer's routes", () => {
  it('have an agent add and remove segments, whichever way the brick is named', async () => {
    const one = await segment();
    const forms: object[] = [
      { ...KEY, segments: [{ ...one, action: 'Add' }] },
      { ipAddress: '10.0.0.1', port: 5001, memoryAddress: [one] },
      { ComputeBrickIP: 'http://10.0.0.1:5001', memoryAddress: [one] },
      { ...KEY, startA: one.startA, endA: one.endA, offset: one.offset },
    ];
    for (const form of forms) {
      const added = await ask(ADD, form);
      expect(added, JSON.stringify(added.body)).toMatchObject({
        status: 200,
        body: { status: 0, message: 'All good', brick: '0.0.0' },
      });
      expect(bricks[0].setMemports()).toHaveLength(1);
      const range = { startA: one.startA, endA: one.endA };
      const removed = await ask(REMOVE, { ...KEY, segments: [range] });
      expect(removed.status).toBe(200);
      expect(bricks[0].setMemports()).toEqual([]);
    }
  });

  it('say 410 of a brick that there is not, and 404 of one that does not answer', async () => {
    const segments = [await segment()];
    for (const target of [
      { dRackId: 0, dBoxId: 0, dBrickId: 9 },
      { dRackId: 0, dBoxId: 0, dBrickId: 2 },
      { ipAddress: '10.9.9.9', port: 80 },
    ]) {
      expect(await ask(ADD, { ...target, segments })).toMatchObject({
        status: 410,
        body: { code: 'SDM_NO_RESOURCE' },
      });
    }
    await second.stop();
    expect(await ask(ADD, { dRackId: 0, dBoxId: 0, dBrickId: 1, segments })).toMatchObject({
      status: 404,
      body: { code: 'SDM_RESOURCE_UNREACHABLE', details: { brick: '0.0.1' } },
    });
  });

  it('refuse what is no command, and pass on what the agent refuses', async () => {
    const one = await segment();
    const bad: [string, object][] = [
      [ADD, { segments: [one] }],
      [ADD, { ...KEY }],
      [ADD, { ...KEY, segments: [{ ...one, endA: '0' }] }],
      [ADD, { ...KEY, segments: [{ ...one, colour: 1 }] }],
      [ADD, { ...KEY, segments: [{ ...one, action: 'Remove' }] }],
      [ADD, { ...KEY, dBrickId: 16, segments: [one] }],
    ];
    for (const [path, body] of bad) {
      expect(await ask(path, body)).toMatchObject({ status: 400, body: { code: 'SDM_INPUT' } });
    }
    const absent = await ask(REMOVE, { ...KEY, segments: [one] });
    expect(absent).toMatchObject({ status: 404, body: { code: 'SDM_NOT_FOUND' } });
    expect(bricks[0].setMemports()).toEqual([]);
  });
});

test("the synthesizer's routes reach an agent behind TLS, and what they make is the brick's own", async () => {
  const pki = await makePki();
  const [agent, own] = [await pki.issue('agent', '0.0.0'), await pki.issue('controller', 'main')];
  const brick = await makeBrick({
    config: { brick: '0.0.0', listen: { address: 'https://127.0.0.1:0', pki: agent } },
  });
  let secured: Running | undefined;
  try {
    const { log } = await brick.start();
    const address = /"address":"(https:[^"]+)"/.exec(log())![1]!;
    const dir = join(scratchDir('controller-memory'), 'c');
    const topology = smallTopology({ compute: 1, addresses: [address] });
    secured = await startController(makePlace(dir, topology, { name: 'main', pki: own }));
    const one = await segment(brick);
    expect(await ask(ADD, { ...KEY, segments: [one] }, secured)).toMatchObject({
      status: 200,
      body: { brick: '0.0.0', attachments: [{ owner: 'local' }] },
    });
    const { startA, endA } = one;
    const removed = await ask(REMOVE, { ...KEY, segments: [{ startA, endA }] }, secured);
    expect(removed.status, JSON.stringify(removed.body)).toBe(200);
    expect(brick.setMemports()).toEqual([]);
  } finally {
    await secured?.stop();
    await brick.remove();
  }
});

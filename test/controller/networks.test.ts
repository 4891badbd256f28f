import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { BrickEntry, Topology } from '../../src/controller/inventory/topology-schema.js';
import type { PlatformRecord } from '../../src/controller/records.js';
import { openStore } from '../../src/controller/store/index.js';
import type { Store } from '../../src/controller/store/types.js';
import type { PlatformView } from '../../src/controller/views.js';
import { makeControllerRack, SEGMENT, type ControllerRack } from '../support/controller-rack.js';

const TRANSCEIVERS = 4n;
const SILENT = { info() {}, warn() {}, error() {} };

let rack: ControllerRack;
afterEach(() => rack.remove());

/** Two bricks that a cable joins. */
const pairOf = (box: string, first: number): { bricks: BrickEntry[]; links: object[] } => ({
  bricks: [
    { id: first, type: 'compute', islands: [8], memory: '0x40000000', transceivers: 4 },
    { id: first + 1, type: 'memory', segments: 8, transceivers: 4 },
  ],
  links: [{ a: `${box}.${first}/1`, b: `${box}.${first + 1}/1` }],
});

/** Makes a platform there. @returns the numbers of its memory bricks on the network. */
async function numbersAt(brick: string, segments = 1): Promise<Map<string, bigint>> {
  const remoteMemory = `0x${(SEGMENT * BigInt(segments)).toString(16)}`;
  const body = { cores: 1, remoteMemory, brick };
  const made = (await rack.ask('POST', '/v1/platforms', body)) as PlatformView;
  return new Map(
    made.attachments.map(({ memory, outId }) => [memory, BigInt(outId) / TRANSCEIVERS]),
  );
}

/** The store of a controller that does not run. */
async function inStore<T>(act: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore({ path: join(rack.dir, 'store/controller.db'), log: SILENT });
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

test('a memory brick keeps its number where a tray registers, or the file puts bricks, before it', async () => {
  const last = pairOf('0.1', 0);
  rack = await makeControllerRack({
    ...{ daemons: [], computes: 1, memories: 1 },
    topology: (topology) => {
      const [first] = topology.racks;
      const boxes = [...first!.boxes, { id: 1, trays: [{ id: 0, bricks: last.bricks }] }];
      const links = [...topology.links!, ...last.links];
      return { ...topology, racks: [{ ...first!, boxes }], links } as Topology;
    },
  });
  const controller = await rack.startController();
  const before = await numbersAt('0.1.0');
  const between = pairOf('0.0', 10);
  await rack.ask('POST', '/v1/trays', {
    ...{ id: '0.0.1', role: 'tray', run: 'abcdef01', address: 'unix:/run/nobody.sock' },
    bricks: between.bricks.map((each) => ({ ...each, id: `0.0.${each.id}` })),
    links: between.links,
  });
  const registered = await numbersAt('0.0.10');
  expect(await numbersAt('0.1.0')).toEqual(before);
  await controller.stop();

  const topology = JSON.parse(readFileSync(rack.topologyFile, 'utf8')) as {
    racks: { boxes: { trays: { bricks: BrickEntry[] }[] }[] }[];
    links: object[];
  };
  const front = pairOf('0.0', 5);
  topology.racks[0]!.boxes[0]!.trays[0]!.bricks.unshift(...front.bricks);
  topology.links.push(...front.links);
  writeFileSync(rack.topologyFile, JSON.stringify(topology));
  await rack.startController();
  expect(await numbersAt('0.1.0')).toEqual(before);
  expect(await numbersAt('0.0.10')).toEqual(registered);
  const all = [before, registered, await numbersAt('0.0.5')];
  const numbers = all.flatMap((each) => [...each.values()]);
  expect(new Set(numbers).size).toBe(all.length);
});

test('a store without numbers takes those of its attachments, and gives others to the rest', async () => {
  rack = await makeControllerRack({ daemons: [], computes: 1, memories: 2, segments: 4 });
  const first = await rack.startController();
  const [[memory] = []] = await numbersAt('0.0.0');
  await first.stop();
  await inStore(async (store) => {
    const networks = await store.range('network/');
    expect(networks).toHaveLength(2);
    // as it was when another brick, which is gone, was in front of it
    const [platform] = await store.range('platforms/');
    const record = JSON.parse(platform!.value) as PlatformRecord;
    const attachments = record.attachments.map((each) => ({
      ...each,
      outId: `0x${(BigInt(each.outId) + TRANSCEIVERS).toString(16)}`,
    }));
    const value = JSON.stringify({ ...record, attachments });
    const gone = networks.map(({ key }) => key);
    await store.commit({ put: [{ key: platform!.key, value }], delete: gone });
  });
  const second = await rack.startController();
  const numbers = await numbersAt('0.0.0', 6);
  expect(numbers.size).toBe(2);
  expect(numbers.get(memory!)).toBe(1n);
  expect([...numbers.values()].sort()).toEqual([1n, 2n]);
  await second.stop('SIGKILL');
  const stored = await inStore((store) => store.range('network/'));
  expect(new Map(stored.map(({ key, value }) => [key, value]))).toEqual(
    new Map([...numbers].map(([id, number]) => [`network/${id}`, String(number)])),
  );
});

test('a number that two bricks have ends the start, and is named', async () => {
  rack = await makeControllerRack({ daemons: [], computes: 1, memories: 2 });
  await (await rack.startController()).stop();
  const key = `network/${rack.memories[1]!}`;
  await inStore((store) => store.commit({ put: [{ key, value: '0' }] }));
  const failed = (await rack.startController().catch((error: unknown) => error)) as {
    readonly details: { readonly log: readonly string[] };
  };
  expect(failed.details.log.join('\n')).toContain(`${key} in the store is 0`);
});

import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { Topology } from '../../src/controller/inventory/topology-schema.js';
import type { BrickView, PlatformView } from '../../src/controller/views.js';
import { makeControllerRack, SEGMENT, type ControllerRack } from '../support/controller-rack.js';

let rack: ControllerRack;
afterEach(() => rack.remove());

const TRAY = {
  ...{ id: '0.0.1', role: 'tray', run: 'abcdef01', address: 'unix:/run/nobody.sock' },
  bricks: [{ id: '0.0.9', type: 'memory', segments: 8, transceivers: 4 }],
};
const bricks = async (): Promise<string[]> =>
  ((await rack.ask('GET', '/v1/bricks')) as { bricks: BrickView[] }).bricks.map(({ id }) => id);

test('a tray is stored before anybody can reserve what it has', async () => {
  rack = await makeControllerRack({ daemons: [], computes: 1, memories: 1 });
  const first = await rack.startController({ SDM_FAULT: 'tray.before' });
  await expect(rack.ask('POST', '/v1/trays', TRAY)).rejects.toMatchObject({
    code: 'SDM_UNREACHABLE',
  });
  await first.stop();
  const second = await rack.startController({ SDM_FAULT: 'tray.after' });
  expect(await bricks()).not.toContain('0.0.9');
  await expect(rack.ask('POST', '/v1/trays', TRAY)).rejects.toMatchObject({
    code: 'SDM_UNREACHABLE',
  });
  await second.stop();
  await rack.startController();
  expect(await bricks()).toContain('0.0.9');
});

test('one that cannot be stored changes nothing', async () => {
  rack = await makeControllerRack({ daemons: [], computes: 1, memories: 1 });
  await rack.startController();
  const before = await bricks();
  // a body of the longest there is; what is stored of it is longer than the store keeps of one key
  const rest = JSON.stringify({ ...TRAY, more: '' }).length;
  const long = { ...TRAY, more: 'x'.repeat((1 << 20) - rest) };
  await expect(rack.ask('POST', '/v1/trays', long)).rejects.toThrow('the value of');
  expect(await bricks()).toEqual(before);
});

test('a file in which segments are other bytes is refused while somebody has them', async () => {
  rack = await makeControllerRack({ daemons: [], computes: 1, memories: 1 });
  const first = await rack.startController();
  const body = { cores: 1, remoteMemory: `0x${(SEGMENT * 2n).toString(16)}` };
  const { id } = (await rack.ask('POST', '/v1/platforms', body)) as PlatformView;
  await first.stop();
  const whole = readFileSync(rack.topologyFile, 'utf8');
  const other = (change: (topology: Topology) => unknown): void =>
    writeFileSync(rack.topologyFile, JSON.stringify(change(JSON.parse(whole) as Topology)));
  other((topology) => ({ ...topology, segmentSize: `0x${(SEGMENT * 2n).toString(16)}` }));
  await expect(rack.startController()).rejects.toMatchObject({
    details: { log: expect.arrayContaining([expect.stringContaining(`p${id}-0 has 0x400000 at`)]) },
  });
  writeFileSync(rack.topologyFile, whole.replace('"base":"0x200000"', '"base":"0x400000"'));
  await expect(rack.startController()).rejects.toMatchObject({
    details: { log: expect.arrayContaining([expect.stringContaining('SDM_RECORD')]) },
  });
  writeFileSync(rack.topologyFile, whole);
  const last = await rack.startController();
  await rack.ask('DELETE', `/v1/platforms/${id}`);
  await last.stop();
  other((topology) => ({ ...topology, segmentSize: `0x${(SEGMENT * 2n).toString(16)}` }));
  await rack.startController();
});

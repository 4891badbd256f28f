import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readEvents } from '../../../src/common/sse.js';
import { scratchDir } from '../../support/scratch.js';
import { makePlace, startController, type Running } from './start.js';
import { smallTopology } from './topology.js';

const dir = scratchDir('controller-events');
const place = makePlace(join(dir, 'c'), smallTopology());
let controller: Running;
afterAll(() => controller?.stop());

interface Told {
  readonly event: string;
  readonly kind: string;
  readonly [key: string]: unknown;
}

/** Events until one is as wanted. */
async function until(path: string, wanted: (event: Told) => boolean): Promise<Told[]> {
  const seen: Told[] = [];
  for await (const { data } of readEvents(controller.client.stream(path))) {
    const event = JSON.parse(data) as Told;
    seen.push(event);
    if (wanted(event)) return seen;
  }
  throw new Error(`the stream ended after ${JSON.stringify(seen.at(-1))}`);
}
const isState = (id: number, state: string) => (event: Told) =>
  event.kind === 'platform' && event['id'] === id && event['state'] === state;

it('tells what happens as it happens, goes on after an id, and says what is missing', async () => {
  controller = await startController(place);
  const live = until('/v1/events', isState(1, 'released'));
  const made = await controller.ask('POST', '/v1/platforms', { cores: 1, remoteMemory: '256MiB' });
  expect(made.body).toMatchObject({ id: 1 });
  await controller.ask('DELETE', '/v1/platforms/1');
  const seen = await live;
  expect(seen.map(({ kind }) => kind)).toContain('reconciled');
  const active = seen.find(isState(1, 'active'))!;
  expect(active['platform']).toEqual(made.body);

  // from there on: all that came after it, and nothing twice
  const rest = await until(`/v1/events?after=${active.event}`, isState(1, 'released'));
  expect(rest).toEqual(seen.slice(seen.indexOf(active) + 1));

  // what happened in another run cannot be told
  await controller.stop('SIGKILL');
  controller = await startController(place);
  const path = `/v1/events?after=${rest.at(-1)!.event}`;
  const [gap, next] = await until(path, ({ kind }) => kind === 'epoch');
  expect(gap).toMatchObject({ kind: 'gap', reason: 'restarted' });
  expect(next).toMatchObject({ kind: 'epoch', epoch: '0x2' });
});

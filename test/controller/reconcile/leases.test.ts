import { afterEach, expect, test, vi } from 'vitest';
import { HttpClient } from '../../../src/common/http-client.js';
import { readEvents } from '../../../src/common/sse.js';
import type { Context } from '../../../src/controller/reconcile/context.js';
import { LeaseWatch } from '../../../src/controller/reconcile/lease-watch.js';
import type { ControllerRack } from '../../support/controller-rack.js';
import { Asked, QUICK, startRack } from './racks.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
let rack: ControllerRack | undefined;
afterEach(async () => {
  await rack?.remove();
  rack = undefined;
});

test('a create that is undone is not told as a lease that ended', async () => {
  rack = await startRack({ memories: 1 });
  const asked = new Asked(rack);
  const lender = `lender ${rack.memories[0]!}`;
  await rack.running.get(lender)!.stop('SIGKILL');
  const failing = asked.create(1, { leaseTtlMs: 600_000 });
  await expect(failing).rejects.toMatchObject({ code: 'SDM_STEP' });
  const other = await asked.create(0);
  const client = new HttpClient(rack.address, { timeoutMs: 60_000 });
  const kinds: string[] = [];
  for await (const { data } of readEvents(client.stream('/v1/events'))) {
    const { kind, id, state } = JSON.parse(data) as { kind: string; id?: number; state?: string };
    kinds.push(kind);
    if (kind === 'platform' && id === other.id && state === 'active') break;
  }
  client.close();
  expect(kinds).toContain('platform');
  expect(kinds).not.toContain('lease');
});

test('the time of a lease counts from the answer, however long its platform took to make', async () => {
  const reconcile = { ...QUICK.reconcile, lookMs: 10_000 };
  rack = await startRack({ memories: 1, config: { ...QUICK, reconcile } });
  const asked = new Asked(rack);
  const slow = (ms: number): Promise<unknown> =>
    asked.ask(`unix:${rack!.dir}/dbmc.sock`, 'POST', '/v1/faults', {
      faults: ms === 0 ? [] : [{ kind: 'slow', ms }],
    });
  await slow(3_500);
  const { id, lease } = await asked.create(1, { leaseTtlMs: 3_000 });
  await slow(0);
  const keep = `/v1/leases/${lease!.id}/keepalive`;
  expect(await asked.ask(rack.address, 'POST', keep, {})).toMatchObject({ kept: true });
  expect(await asked.platform(id)).toMatchObject({ state: 'active' });
  // and from then on it does
  await asked.until('the platform to be released', async () => {
    return (await asked.platforms()).length === 0;
  });
});

test('leases are watched again where that failed, and what ended meanwhile is found', async () => {
  const platform = { id: 1, lease: { id: 'l', ttlMs: 1 }, state: 'active' };
  const released: number[] = [];
  let tries = 0;
  const port = {
    platforms: new Map([[1, platform]]),
    events: { append: () => {} },
    turn: (_id: number, task: (record: object) => Promise<unknown>) => task(platform),
    release: async (id: number) => void released.push(id),
    store: {
      snapshot: async () => ({
        revision: 1,
        entries: tries === 0 ? [{ key: 'leases/0000000001' }] : [],
      }),
      watch: () => {
        tries += 1;
        if (tries === 1) throw new Error('the reader was lost');
        return { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
      },
    },
  };
  const log = { info: () => {}, warn: () => {} };
  const watch = new LeaseWatch({ port, parts: { log } } as unknown as Context);
  await watch.begin();
  await vi.waitFor(() => expect(released).toEqual([1]), { timeout: 10_000 });
  await watch.close();
});

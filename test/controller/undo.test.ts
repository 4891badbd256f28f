import { closeSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { HttpClient } from '../../src/common/http-client.js';
import { waitFor } from '../../src/common/wait.js';
import type { PlatformView, TotalsView } from '../../src/controller/views.js';
import { makeControllerRack, SEGMENT, type ControllerRack } from '../support/controller-rack.js';
import { standing } from './agreement.js';

vi.setConfig({ testTimeout: 60_000 });

const SEGMENTS = 4;
const DEADLINE = { timeoutMs: 20_000 };
const size = (segments: number): string => `0x${(SEGMENT * BigInt(segments)).toString(16)}`;
/** The daemons' own word: as the controller itself, in its first term. */
const AS_US = { 'sdm-controller': 'test', 'sdm-epoch': '1' };
const LATER = { reconcile: { intervalMs: 600_000, maxBackoffMs: 600_000 } };
const SOON = { reconcile: { intervalMs: 100, maxBackoffMs: 300 } };

let rack: ControllerRack;
afterEach(() => rack.remove());

async function makeRack(config: object, memories: number): Promise<void> {
  rack = await makeControllerRack({
    ...{ computes: 1, memories, segments: SEGMENTS },
    config: { timeouts: { retryMs: 100 }, ...config },
  });
}

async function command(
  brick: string,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<unknown> {
  const client = new HttpClient(`unix:${join(rack.dir, `${brick}.sock`)}`, { timeoutMs: 20_000 });
  try {
    return await client.call(method, path, { headers, ...(body === undefined ? {} : { body }) });
  } finally {
    client.close();
  }
}

const create = async (segments: number): Promise<PlatformView> =>
  (await rack.ask('POST', '/v1/platforms', {
    ...{ cores: 1, localMemory: '0x100000', remoteMemory: size(segments) },
  })) as PlatformView;

const totals = async (): Promise<TotalsView> => (await rack.ask('GET', '/v1/totals')) as TotalsView;

/** Of the first byte of a segment of the pool; segment 0 of the first memory brick is at 1. */
function byteAt(segment: number): number {
  const fd = openSync(rack.pool, 'r');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, Number(SEGMENT) * segment);
  closeSync(fd);
  return byte[0]!;
}

test('a grow of which one attachment is refused takes the others back as well', async () => {
  await makeRack(LATER, 2);
  await rack.startBricks();
  await rack.startController();
  const { id } = await create(1);
  // what lies at the second brick is in use at the agent already
  const remote = `0x${(SEGMENT * BigInt(1 + SEGMENTS)).toString(16)}`;
  const body = { id: 'p99-0', mode: 'device', size: size(1), remote };
  await command('0.0.0', 'POST', '/v1/attachments', body, AS_US);
  const before = await standing(rack);
  // more than either brick has
  await expect(
    rack.ask('POST', `/v1/platforms/${id}/memory`, { size: size(SEGMENTS + 1) }),
  ).rejects.toMatchObject({ code: 'SDM_STEP', details: { cause: 'SDM_RANGE_TAKEN' } });
  const after = await standing(rack);
  expect(after.is).toEqual(before.is);
  expect(after.totals).toEqual(before.totals);
  expect(after.platforms.map(({ attachments }) => attachments.length)).toEqual([1]);
});

test('what a lender keeps stays through a create that it refuses, until a person gives it up', async () => {
  await makeRack(SOON, 1);
  rack.dirty(SEGMENT, SEGMENT);
  await rack.startBricks();
  await rack.startController();
  const refused = { code: 'SDM_STEP', details: { cause: 'SDM_NOT_CLEAN', step: 'grant' } };
  await expect(create(1)).rejects.toMatchObject(refused);
  expect(await totals()).toMatchObject({ platforms: 0, segmentsDirty: 1 });
  // the next one goes elsewhere
  const { id, attachments } = await create(1);
  expect(attachments).toMatchObject([{ first: 1, state: 'attached' }]);
  await rack.ask('DELETE', `/v1/platforms/${id}`);
  await waitFor(
    'the loop to ask for the scrub',
    async () => {
      const drift = JSON.stringify(await rack.ask('GET', '/v1/drift'));
      return drift.includes('wait for their scrub') ? true : undefined;
    },
    DEADLINE,
  );
  expect(byteAt(1)).toBe('x'.charCodeAt(0));
  const ranges = [{ start: size(1), size: size(1) }];
  await command('0.0.1', 'POST', '/v1/scrub', { ranges, giveUp: ['unknown'] });
  await waitFor(
    'the segment to be free',
    async () => {
      return (await totals()).segmentsDirty === 0 ? true : undefined;
    },
    DEADLINE,
  );
  expect(await totals()).toMatchObject({ segmentsFree: SEGMENTS });
});

test('a range that cannot be scrubbed keeps back no other', async () => {
  await makeRack(SOON, 1);
  rack.dirty(SEGMENT, SEGMENT);
  await rack.startBricks();
  await rack.startController();
  await expect(create(1)).rejects.toMatchObject({ details: { cause: 'SDM_NOT_CLEAN' } });
  const { id } = await create(2);
  await rack.running.get('lender 0.0.1')!.stop('SIGKILL');
  await rack.ask('DELETE', `/v1/platforms/${id}`);
  expect(await totals()).toMatchObject({ segmentsDirty: 3 });
  await rack.start('lender 0.0.1');
  await waitFor(
    'the other range to be free',
    async () => {
      return (await totals()).segmentsDirty === 1 ? true : undefined;
    },
    DEADLINE,
  );
  expect(byteAt(1)).toBe('x'.charCodeAt(0));
});

test("another's grant of the same id stays through a create that it stands in the way of", async () => {
  await makeRack(LATER, 1);
  await rack.startBricks();
  await rack.startController();
  const ranges = [{ start: size(SEGMENTS), size: size(1) }];
  await command('0.0.1', 'PUT', '/v1/grants/p1-0', { ranges, borrower: '0.0.0' }, AS_US);
  rack.dirty(SEGMENT * BigInt(SEGMENTS), SEGMENT);
  await expect(create(1)).rejects.toMatchObject({
    code: 'SDM_STEP',
    details: { cause: 'SDM_CONFLICT' },
  });
  expect(await command('0.0.1', 'GET', '/v1/grants')).toMatchObject({ grants: [{ id: 'p1-0' }] });
  expect(byteAt(SEGMENTS)).toBe('x'.charCodeAt(0));
  const all = { platforms: 0, segmentsDirty: 0, segmentsFree: SEGMENTS };
  expect(await totals()).toMatchObject(all);
});

test('a lender that lost its journal takes what is in use as it is', async () => {
  await makeRack(SOON, 1);
  await rack.startBricks();
  await rack.startController();
  const { id, attachments } = await create(2);
  await rack.running.get('lender 0.0.1')!.stop('SIGKILL');
  rmSync(join(rack.dir, '0.0.1.state'), { recursive: true });
  const { remote } = attachments[0]!;
  // one of its segments has been written to: the lender does not know whose that is
  rack.dirty(BigInt(remote), SEGMENT);
  await rack.start('lender 0.0.1');
  await waitFor(
    'the grant to be back',
    async () => {
      const { grants } = (await command('0.0.1', 'GET', '/v1/grants')) as { grants: unknown[] };
      return grants.length === 1 ? true : undefined;
    },
    DEADLINE,
  );
  expect(byteAt(1)).toBe('x'.charCodeAt(0));
  expect(await rack.ask('GET', `/v1/platforms/${id}`)).toMatchObject({
    attachments: [{ state: 'attached' }],
  });
  await rack.ask('DELETE', `/v1/platforms/${id}`);
  expect(rack.isZero()).toBe(true);
});

test('a shrink that is refused leaves what had failed as it was', async () => {
  await makeRack({ reconcile: { intervalMs: 2_000 } }, 1);
  await rack.startBricks();
  await rack.startController();
  const { id } = await create(1);
  // another controller takes the brick over: from then on it refuses whatever this one says
  const other = { 'sdm-controller': 'other', 'sdm-epoch': '255' };
  const path = `/v1/attachments/p${id}-0?override=true&retain=true`;
  await command('0.0.0', 'DELETE', path, undefined, other);
  const attachment = async (): Promise<PlatformView['attachments'][number]> =>
    ((await rack.ask('GET', `/v1/platforms/${id}`)) as PlatformView).attachments[0]!;
  const failed = await waitFor(
    'the loop to find that it cannot come back',
    async () => {
      const found = await attachment();
      return found.state === 'failed' ? found : undefined;
    },
    DEADLINE,
  );
  await expect(rack.ask('DELETE', `/v1/platforms/${id}/memory`, {})).rejects.toMatchObject({
    code: 'SDM_STEP',
    details: { step: 'detach' },
  });
  expect(await attachment()).toEqual(failed);
});

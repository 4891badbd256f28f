import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { HttpClient } from '../../../src/common/http-client.js';
import { SEGMENT, type ControllerRack } from '../../support/controller-rack.js';
import { sdmAgent } from '../../support/agent.js';
import { Asked, hex, NOTHING, startRack } from './racks.js';

// Six processes: what starts them once is enough, and each test leaves nothing behind.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
let rack: ControllerRack;
let asked: Asked;
beforeAll(async () => {
  rack = await startRack();
  asked = new Asked(rack);
});
afterAll(() => rack.remove());

/** Commands a brick as somebody else than the loop. */
async function command(
  brick: string,
  method: 'POST' | 'PUT' | 'DELETE',
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

/** As the controller itself: what it has forgotten, say, since it was restored from a backup. */
const AS_US = { 'sdm-controller': 'test', 'sdm-epoch': '1' };

const found = async (what: string, done: string): Promise<true> =>
  asked.until(`drift "${what}" to be ${done}`, async () =>
    (await asked.drift()).some((item) => item.what.includes(what) && item.done === done),
  );

test('an attachment that somebody took away comes back, with the same id, path and segments', async () => {
  const { id, brick, attachments } = await asked.create(2);
  const [attachment] = attachments;
  await command(brick, 'DELETE', `/v1/attachments/${attachment!.id}?override=true&retain=true`);
  await asked.until('the attachment to be back', async () => {
    return (await asked.attachments(brick))[0]?.state === 'present';
  });
  expect(await asked.attachments(brick)).toMatchObject([{ id: attachment!.id, owner: 'test' }]);
  expect(rack.setMemports().get(brick)).toHaveLength(1);
  await asked.until(
    'its state',
    async () => (await asked.platform(id)).attachments[0]?.state === 'attached',
  );
  await asked.release(id);
  expect(await asked.left()).toEqual(NOTHING);
});

test('a connection that somebody took apart is connected again', async () => {
  const { id } = await asked.create(1);
  const before = await asked.connections();
  expect(before.length).toBeGreaterThan(0);
  const key = { dRackId: 0, dBoxId: 0, switchId: 'dbesm-0-0', ports: JSON.stringify(before) };
  await command('dbmc', 'POST', '/api/switch/disconnectports', key);
  await asked.until('the ports to be connected', async () => {
    return JSON.stringify(await asked.connections()) === JSON.stringify(before);
  });
  await asked.release(id);
  expect(await asked.left()).toEqual(NOTHING);
});

test('a grant that somebody dropped is granted again', async () => {
  const { id, attachments } = await asked.create(1);
  const { id: grant, memory } = attachments[0]!;
  await command(memory, 'DELETE', `/v1/grants/${grant}?override=true`);
  await asked.until('the grant to be back', async () => (await asked.grants(memory)).length === 1);
  expect(await asked.grants(memory)).toMatchObject([{ id: grant, owner: 'test' }]);
  await asked.release(id);
  expect(await asked.left()).toEqual(NOTHING);
});

test('what is ours and no platform has is taken back, and scrubbed', async () => {
  const { id } = await asked.create(1, { brick: '0.0.1' }); // so that a link is up there
  const { memory, remote } = await free();
  const ranges = [{ start: remote, size: hex(1) }];
  await command(memory, 'PUT', '/v1/grants/p77-0', { ranges, borrower: '0.0.1' }, AS_US);
  const body = { id: 'p77-0', mode: 'device', size: hex(1), remote };
  await command('0.0.1', 'POST', '/v1/attachments', body, AS_US);
  rack.dirty(BigInt(remote), SEGMENT);
  await asked.until(
    'the attachment to go',
    async () => (await asked.attachments('0.0.1')).length === 1,
  );
  await asked.until('the grant to go', async () => (await asked.grants(memory)).length === 0);
  expect(rack.isZero()).toBe(true);
  await asked.release(id);
  expect(await asked.left()).toEqual(NOTHING);
});

test('what is not ours is reported and left as it is', async () => {
  const { memory, remote } = await free();
  await command(memory, 'PUT', '/v1/grants/theirs', { ranges: [{ start: remote, size: hex(1) }] });
  const ports = { dRackId: 0, dBoxId: 0, switchId: 'dbesm-0-0', ports: '[[3,12]]' };
  await command('dbmc', 'POST', '/api/switch/connectports', ports);
  await found('grant theirs belongs to', 'reported');
  await found('ports 3-12 were connected by somebody else', 'reported');
  // A platform that comes and goes does not change that.
  const { id } = await asked.create(1);
  await asked.release(id);
  expect(await asked.grants(memory)).toMatchObject([{ id: 'theirs' }]);
  expect(await asked.connections()).toContainEqual([3, 12]);
  const items = (await asked.drift()).filter(({ done }) => done === 'reported');
  expect(items.map(({ where }) => where).sort()).toEqual(
    [`lender ${memory}`, 'switch dbesm-0-0'].sort(),
  );
  await command(memory, 'DELETE', '/v1/grants/theirs');
  await command('dbmc', 'POST', '/api/switch/disconnectports', ports);
  await asked.until('the drift to go', async () => (await asked.drift()).length === 0);
  expect(await asked.left()).toEqual(NOTHING);
});

test('a brick that comes back with nothing gets what it should have', async () => {
  const { id, brick, attachments } = await asked.create(3);
  await rack.running.get(`agent ${brick}`)!.stop('SIGKILL');
  await asked.liveness(brick, 'lost');
  // Another board in its place: no journal, and no memport is set.
  rmSync(join(rack.dir, `${brick}.state`), { recursive: true });
  const registers = join(rack.dir, `${brick}.registers`);
  rmSync(registers);
  const formatted = await sdmAgent(['registers', 'format', registers, '--pool', rack.pool]);
  expect(formatted.stderr).toBe('');
  await rack.start(`agent ${brick}`);
  await asked.liveness(brick, 'up');
  await asked.until('its attachment', async () => (await asked.attachments(brick)).length === 1);
  expect(await asked.attachments(brick)).toMatchObject([{ id: attachments[0]!.id, owner: 'test' }]);
  await asked.release(id);
  expect(await asked.left()).toEqual(NOTHING);
});

test('a release that a brick does not answer ends when it is back', async () => {
  const { id, brick } = await asked.create(2);
  await rack.running.get(`agent ${brick}`)!.stop('SIGKILL');
  await expect(asked.release(id)).rejects.toMatchObject({ code: 'SDM_FAILED' });
  expect(await asked.platform(id)).toMatchObject({ state: 'releasing' });
  await rack.start(`agent ${brick}`);
  await asked.until('the platform to go', async () => (await asked.platforms()).length === 0);
  expect(await asked.left()).toEqual(NOTHING);
});

test('segments whose lender does not answer wait for their scrub', async () => {
  const { id, attachments } = await asked.create(2);
  const { memory } = attachments[0]!;
  rack.dirty(BigInt(attachments[0]!.remote), SEGMENT * 2n);
  await rack.running.get(`lender ${memory}`)!.stop('SIGKILL');
  await asked.release(id);
  expect(await asked.totals()).toMatchObject({ segmentsDirty: 2, platforms: 0 });
  await rack.start(`lender ${memory}`);
  await asked.until('the scrub', async () => (await asked.totals()).segmentsDirty === 0);
  expect(await asked.left()).toEqual(NOTHING);
});

test('a platform whose lease nobody keeps alive is released', async () => {
  const kept = await asked.create(1, { leaseTtlMs: 600_000 });
  const short = await asked.create(1, { leaseTtlMs: 1_000 });
  await asked.until('its end', async () => (await asked.platforms()).length === 1);
  expect(await asked.platforms()).toMatchObject([{ id: kept.id }]);
  await asked.until('its segments', async () => {
    const { segments, segmentsFree } = await asked.totals();
    return segments - segmentsFree === 1;
  });
  expect(short.id).not.toBe(kept.id);
  await asked.release(kept.id);
  expect(await asked.left()).toEqual(NOTHING);
});

/** A segment that the controller gives to nobody: the last one of the last lender. */
async function free(): Promise<{ memory: string; remote: string }> {
  const memory = rack.memories.at(-1)!;
  const all = BigInt(16 * rack.memories.length);
  return { memory, remote: `0x${(SEGMENT * all).toString(16)}` };
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flaskAgent, SEGMENT } from '../../bench/harness/agents.js';
import { makeScratch } from '../../bench/harness/scratch.js';
import { startServer, type RunningServer } from '../../bench/harness/server.js';
import { exchange, type UnixAnswer } from '../../src/common/http.js';

/** The first time Debian's packages are fetched. */
const FETCH_MS = 300_000;

describe('the Flask agent', () => {
  const scratch = makeScratch();
  let running: RunningServer;
  let socketPath: string;
  beforeAll(async () => {
    const { signal } = new AbortController();
    const server = await flaskAgent(scratch, signal);
    socketPath = server.socket;
    running = await startServer(server, signal);
  }, FETCH_MS);
  afterAll(async () => {
    await running?.stop();
    scratch.remove();
  });

  const attach = (body: unknown): Promise<UnixAnswer> =>
    exchange({ socketPath, method: 'POST', path: '/v1/attachments', body });
  const detach = (id: string): Promise<UnixAnswer> =>
    exchange({ socketPath, method: 'DELETE', path: `/v1/attachments/${id}` });
  const list = async (): Promise<unknown> =>
    (await exchange({ socketPath, path: '/v1/attachments' })).body;
  const file = (port: number, name: string): bigint =>
    BigInt(readFileSync(join(scratch.memory, `flask/tree/memport${port}`, name), 'utf8'));
  const device = { mode: 'device', size: SEGMENT };

  test.each([
    ['no object', [], 400],
    ['no size', { mode: 'device' }, 400],
    ['a size that is no multiple', { ...device, size: '0x1000' }, 400],
    ['a size that is a number', { ...device, size: 2097152 }, 400],
    ['another mode', { ...device, mode: 'system-ram' }, 400],
    ['a key that it does not know', { ...device, sise: SEGMENT }, 400],
    ['a range outside of the share', { ...device, remote: '0x40000000' }, 400],
    ['more than there is', { ...device, size: '0x40000000' }, 409],
  ])('refuses %s', async (_, body, status) => {
    expect((await attach(body)).status).toBe(status);
    expect(await list()).toEqual({ attachments: [] });
  });

  test('knows no attachment that is not there', async () => {
    expect((await detach('nonesuch')).status).toBe(404);
  });

  test('attaches, writes the six files, and detaches', async () => {
    const first = await attach({ ...device, id: 'first', retain: true, outId: '0x5', inId: '0x6' });
    expect(first).toMatchObject({
      status: 201,
      body: { id: 'first', state: 'programmed', memport: 0, size: SEGMENT, remote: '0x200000' },
    });
    const { start, end } = first.body as Record<string, string>;
    expect(
      ['startAddress', 'endAddress', 'outId', 'inId', 'set'].map((name) => file(0, name)),
    ).toEqual([BigInt(start!), BigInt(end!), 5n, 6n, 1n]);
    // Sign and magnitude: the remote address is below the local one.
    expect(file(0, 'offset')).toBe((1n << 63n) | (BigInt(start!) - 0x200000n));

    expect(await attach({ ...device, id: 'first' })).toMatchObject({ status: 409 });
    const second = await attach({ ...device, id: 'second' });
    expect(second).toMatchObject({ status: 201, body: { memport: 1, remote: '0x400000' } });

    expect(await detach('first')).toMatchObject({ status: 200, body: { state: 'free' } });
    expect([file(0, 'set'), file(1, 'set')]).toEqual([0n, 1n]);
    expect(await attach({ ...device, id: 'third' })).toMatchObject({
      body: { memport: 0, remote: '0x200000' },
    });
    for (const id of ['second', 'third']) expect((await detach(id)).status).toBe(200);
    expect(await list()).toEqual({ attachments: [] });
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flaskController } from '../../bench/harness/controllers.js';
import { makeScratch } from '../../bench/harness/scratch.js';
import { startServer, type RunningServer } from '../../bench/harness/server.js';
import { exchange } from '../../src/common/http.js';

/** The first time Debian's packages are fetched. */
const FETCH_MS = 300_000;

/** What is measured against has to do the same work. */
describe('the Flask controller', () => {
  const scratch = makeScratch();
  let running: RunningServer;
  let socketPath: string;
  beforeAll(async () => {
    const { signal } = new AbortController();
    const server = await flaskController(scratch, signal);
    socketPath = server.socket;
    running = await startServer(server, signal);
  }, FETCH_MS);
  afterAll(async () => {
    await running?.stop();
    scratch.remove();
  });

  const call = async (name: string, body: object = {}) => {
    const answer = await exchange({ socketPath, method: 'POST', path: `/api/${name}`, body });
    return { status: answer.status, body: answer.body as Record<string, number | string> };
  };
  const GOOD = { Status: 0, StatusNo: 0, Message: 'All good' };
  const ALL = { ...GOOD, TotalCores: 128, TotalMemory: 1_048_576 };

  test('makes, grows, shrinks and releases', async () => {
    expect((await call('TotalResources')).body).toMatchObject({
      ...ALL,
      AvailableMemory: 1_048_576,
    });
    const made = await call('getPlatform', { cpus: 2, memory: 300, pathUtil: 10 });
    expect(made.body).toMatchObject(GOOD);
    const platformID = made.body['PlatformID'];
    const grown = await call('allocateMemory', { platformID, memory: 256, pathUtil: 1 });
    expect(grown.body).toMatchObject(GOOD);
    expect((await call('TotalResources')).body).toMatchObject({
      ...{ AvailableCores: 126, AvailableMemory: 1_048_576 - 3 * 256 },
    });
    expect((await call('freeMemory', { platformID })).body).toEqual(GOOD);
    expect((await call('releasePlatform', { platformID })).body).toEqual(GOOD);
    expect((await call('TotalResources')).body).toMatchObject({
      ...{ ...ALL, AvailableCores: 128, AvailableMemory: 1_048_576 },
    });
  });

  test.each([
    ['getPlatform', { cpus: 9, memory: 0 }, 'Not Enough vCPUs'],
    ['getPlatform', { cpus: 1, memory: 2_000_000 }, 'Not enough Memory'],
    ['allocateMemory', { platformID: 999, memory: 1 }, 'Reservation Not Found'],
    ['freeMemory', { platformID: 999 }, 'Reservation Not Found'],
    ['releasePlatform', { platformID: 999 }, 'Reservation Not Found'],
  ])('%s %j: %s', async (name, body, message) => {
    expect(await call(name, body)).toMatchObject({
      status: 200,
      body: { Status: 1, ErrorMessage: message },
    });
  });

  test('keeps paths to what they have, and refuses what cannot be read', async () => {
    const { body } = await call('getPlatform', { cpus: 1, memory: 0 });
    const platformID = body['PlatformID'];
    const grow = { platformID, memory: 1, pathUtil: 100 };
    for (let i = 0; i < 8; i += 1) expect((await call('allocateMemory', grow)).body.Status).toBe(0);
    expect((await call('allocateMemory', grow)).body.Message).toBe('pathutil exceeded');
    expect((await call('releasePlatform', { platformID })).body).toEqual(GOOD);
    expect((await call('getPlatform', { cpus: '1' })).status).toBe(400);
  });
});

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeBrick, type Brick, type RunningAgent } from '../../support/agent.js';

const MIB = 1n << 20n;
const SIZE = 4n * MIB;
/** Outside of the shares. */
const ELSEWHERE = 512n * MIB;
const hex = (value: bigint): string => `0x${value.toString(16)}`;
const by = (name: string, epoch: number) => ({
  'sdm-controller': name,
  'sdm-epoch': String(epoch),
});
const RACK = by('rack', 1);

let brick: Brick;
let agent: RunningAgent;
beforeEach(async () => {
  brick = await makeBrick({
    config: { shares: [{ start: '0x200000', size: hex(64n * MIB) }] },
  });
  agent = await brick.start();
});
afterEach(() => brick.remove());

const attach = (id: string, remote: bigint, headers: Record<string, string> = {}) =>
  brick.ask({
    method: 'POST',
    path: '/v1/attachments',
    headers,
    body: { id, mode: 'device', size: hex(SIZE), remote: hex(remote) },
  });

const detach = (id: string, query: string, headers: Record<string, string>) =>
  brick.ask({ method: 'DELETE', path: `/v1/attachments/${id}${query}`, headers });

function write(byte: number): void {
  const fd = openSync(brick.pool, 'r+');
  writeSync(fd, Buffer.alloc(Number(SIZE), byte), 0, Number(SIZE), Number(ELSEWHERE));
  closeSync(fd);
}

function bytes(): readonly number[] {
  const fd = openSync(brick.pool, 'r');
  const all = Buffer.alloc(Number(SIZE));
  readSync(fd, all, 0, all.length, Number(ELSEWHERE));
  closeSync(fd);
  return [...new Set(all)];
}

test('a controller attaches outside of the shares, and leaves the bytes to the lender', async () => {
  expect(await attach('l', ELSEWHERE)).toMatchObject({
    status: 403,
    body: { code: 'SDM_NOT_OURS' },
  });
  expect(await attach('p1-1', ELSEWHERE, RACK)).toMatchObject({
    status: 201,
    body: { state: 'present', remote: hex(ELSEWHERE), owner: 'rack' },
  });
  expect(await attach('p1-2', ELSEWHERE, RACK)).toMatchObject({
    status: 409,
    body: { code: 'SDM_RANGE_TAKEN' },
  });
  expect(await attach('p1-2', 2n << 30n, RACK)).toMatchObject({
    status: 403,
    body: { code: 'SDM_NOT_OURS' },
  });
  write(0xab);
  expect(await detach('p1-1', '?retain=true', RACK)).toMatchObject({ status: 200 });
  expect(bytes()).toEqual([0xab]);
  await attach('p1-3', ELSEWHERE, RACK);
  expect(await detach('p1-3', '', RACK)).toMatchObject({ status: 200 });
  expect(bytes()).toEqual([0]);
});

test('it stays over a kill of the agent, and the next term takes it over', async () => {
  await attach('p1-1', ELSEWHERE, RACK);
  write(0xcd);
  const dead = brick.setMemports();
  await agent.stop('SIGKILL');
  await brick.start();
  expect(await brick.ask({ path: '/v1/attachments/p1-1' })).toMatchObject({
    body: { state: 'present', owner: 'rack' },
  });
  expect(brick.setMemports()).toEqual(dead);
  expect(await attach('p1-1', ELSEWHERE, by('rack-b', 2))).toMatchObject({
    status: 201,
    body: { id: 'p1-1', owner: 'rack-b' },
  });
  expect(await detach('p1-1', '', RACK)).toMatchObject({ body: { code: 'SDM_STALE_EPOCH' } });
  expect(bytes()).toEqual([0xcd]);
});

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { LENDER_FAULT_POINTS } from '../../../src/agent/lender/faults.js';
import type { Grant, LenderState } from '../../../src/agent/lender/api/schemas.js';
import { waitFor } from '../../../src/common/wait.js';
import { memoryDir } from '../../support/scratch.js';
import { BASE, makeMemoryBrick, range, SEGMENT, SEGMENTS, type MemoryBrick } from './process.js';

const directory = memoryDir('lender-kill');
const bricks: MemoryBrick[] = [];
afterAll(() => Promise.all(bricks.map((brick) => brick.stop())));

const HEADERS = { 'sdm-controller': 'rack', 'sdm-epoch': '1' };

/** What an agent that goes through all of it asks, one after the other, until it has no answer. */
function commands(brick: MemoryBrick): (() => Promise<unknown>)[] {
  const put = (id: string, body: object) => () =>
    brick.ask({ method: 'PUT', path: `/v1/grants/${id}`, headers: HEADERS, body });
  const drop =
    (id: string, query = '') =>
    () =>
      brick.ask({ method: 'DELETE', path: `/v1/grants/${id}${query}`, headers: HEADERS });
  return [
    put('p1-1', { ranges: [range(0, 2)] }),
    () => Promise.resolve(write(brick, 0, 0xaa)),
    put('p1-2', { ranges: [range(2, 1)], region: 'kept' }),
    () => Promise.resolve(write(brick, 2, 0xbb)),
    drop('p1-1'),
    drop('p1-2', '?retain=true'),
    () => Promise.resolve(write(brick, 5, 0xcc)),
    put('p1-3', { ranges: [range(4, 3)] }),
    () =>
      brick.ask({
        method: 'POST',
        path: '/v1/scrub',
        headers: HEADERS,
        body: { region: 'kept' },
      }),
  ];
}

function at(segment: number): number {
  return Number(BASE + BigInt(segment) * SEGMENT);
}

function write({ pool }: MemoryBrick, segment: number, byte: number): void {
  const fd = openSync(pool, 'r+');
  writeSync(fd, Buffer.alloc(Number(SEGMENT), byte), 0, Number(SEGMENT), at(segment));
  closeSync(fd);
}

function isZero({ pool }: MemoryBrick, segment: number): boolean {
  const bytes = Buffer.alloc(Number(SEGMENT), 1);
  const fd = openSync(pool, 'r');
  readSync(fd, bytes, 0, bytes.length, at(segment));
  closeSync(fd);
  return bytes.every((byte) => byte === 0);
}

async function stateOf(brick: MemoryBrick): Promise<LenderState> {
  return (await brick.ask({ path: '/v1/lender' })).body as LenderState;
}

describe('killed', () => {
  test.each(LENDER_FAULT_POINTS)('at %s the next lender puts it right', async (point) => {
    const brick = makeMemoryBrick(directory);
    bricks.push(brick);
    const dying = await brick.start({ SDM_FAULT: point }).catch(() => undefined);
    if (dying === undefined) expect(point).toMatch(/^(open|scrub|epoch)\./);
    else {
      let answered = 0;
      for (const command of commands(brick)) {
        const answer = await command().then(
          () => true,
          () => false,
        );
        if (!answer) break;
        answered += 1;
      }
      expect(answered).toBeLessThan(commands(brick).length);
      expect(await dying.stop()).toBe(null);
    }
    await brick.start();
    const state = await waitFor(
      'all scrubs',
      async () => {
        const found = await stateOf(brick);
        return found.counts.dirty + found.counts.scrubbing === 0 ? found : undefined;
      },
      { timeoutMs: 10_000 },
    );
    expect(state.counts.unknown).toBe(0);
    const clean = state.segments
      .filter((run) => run.state === 'clean')
      .flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
    // what nobody was promised anew may hold a stray write: it is scrubbed when it is granted
    for (const segment of clean.filter((each) => each !== 5)) {
      expect(isZero(brick, segment)).toBe(true);
    }
    const { grants } = (await brick.ask({ path: '/v1/grants' })).body as { grants: Grant[] };
    for (const { id } of grants) {
      const path = `/v1/grants/${id}`;
      expect(await brick.ask({ method: 'DELETE', path, headers: HEADERS })).toMatchObject({
        status: 200,
      });
    }
    if (state.counts.retained > 0) {
      const body = { region: 'kept' };
      const asked = { method: 'POST', path: '/v1/scrub', headers: HEADERS, body } as const;
      expect((await brick.ask(asked)).status).toBe(200);
    }
    // all of it can be had once more, and is empty
    const all = { ranges: [range(0, SEGMENTS)] };
    const whole = await brick.ask({
      method: 'PUT',
      path: '/v1/grants/all',
      headers: HEADERS,
      body: all,
    });
    expect(whole.status).toBe(201);
    for (let segment = 0; segment < SEGMENTS; segment++) expect(isZero(brick, segment)).toBe(true);
    await brick.stop();
  });
});

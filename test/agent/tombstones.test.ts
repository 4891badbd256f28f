import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LOCAL, type Caller } from '../../src/agent/types.js';
import { Tombstones } from '../../src/agent/tombstones.js';
import { waitFor } from '../../src/common/wait.js';
import { setLink } from '../../src/rack/registers.js';
import { makeBrick, type Brick } from '../support/agent.js';
import { answersIn, RawConnection } from '../load/wire.js';

const SIZE = 2n << 20n;
const hex = (value: bigint): string => `0x${value.toString(16)}`;
const by = (name: string, epoch: number) => ({
  'sdm-controller': name,
  'sdm-epoch': String(epoch),
});
const RACK = by('rack', 1);
const GONE = { status: 410, body: { code: 'SDM_GONE' } };

let brick: Brick;
beforeAll(async () => {
  brick = await makeBrick({ config: { linkTimeoutMs: 20_000, linkPollMs: 20 } });
  await brick.start();
});
afterAll(() => brick.remove());

type Headers = Readonly<Record<string, string>>;

const bodyOf = (id: string, more: object = {}) => ({
  ...{ id, mode: 'device', size: hex(SIZE), ...more },
});
const attach = (id: string, headers: Headers = RACK, more: object = {}) =>
  brick.ask({ method: 'POST', path: '/v1/attachments', headers, body: bodyOf(id, more) });
const detach = (id: string, headers: Headers = RACK, query = '') =>
  brick.ask({ method: 'DELETE', path: `/v1/attachments/${id}${query}`, headers });
const show = (id: string) => brick.ask({ path: `/v1/attachments/${id}` });
const listed = async (): Promise<string[]> => {
  const { body } = await brick.ask({ path: '/v1/attachments' });
  return (body as { attachments: { id: string }[] }).attachments.map(({ id }) => id);
};

/** An attach of which the agent has only a part until it is ended. */
function beginLate(id: string): { end(): Promise<{ status: number; body: unknown }> } {
  const connection = new RawConnection(brick.socket).listen();
  const body = JSON.stringify(bodyOf(id));
  const headers = Object.entries({
    ...{ host: 'agent', connection: 'close', ...RACK },
    ...{ 'content-type': 'application/json', 'content-length': String(body.length) },
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  connection.socket.write(`POST /v1/attachments HTTP/1.1\r\n${headers.join('')}\r\n`);
  connection.socket.write(body.slice(0, 10));
  return {
    async end() {
      connection.socket.write(body.slice(10));
      return answersIn(await connection.untilClosed())[0]!;
    },
  };
}

describe('an id that a controller has deleted', () => {
  test('stays gone, though it was never there', async () => {
    expect(await detach('p1-0')).toMatchObject({ status: 404 });
    expect(await attach('p1-0')).toMatchObject({
      ...GONE,
      body: {
        message: expect.stringMatching(/p1-0.*rack has deleted it.*delayed/),
        details: { attachment: 'p1-0', controller: 'rack' },
      },
    });
    expect(await attach('p1-0')).toMatchObject(GONE);
    expect(await listed()).toEqual([]);
    expect(brick.setMemports()).toEqual([]);
  });

  test('stays gone after it was there, and a repeated detach has its answer', async () => {
    expect(await attach('p1-1')).toMatchObject({ status: 201 });
    expect(await detach('p1-1')).toMatchObject({ status: 200, body: { state: 'free' } });
    expect(await attach('p1-1')).toMatchObject(GONE);
    expect(await detach('p1-1')).toMatchObject({ status: 200, body: { state: 'free' } });
    expect(brick.setMemports()).toEqual([]);
  });

  test('stays gone for an attach of which a part was there before', async () => {
    const late = beginLate('p1-2');
    expect(await detach('p1-2')).toMatchObject({ status: 404 });
    expect(await late.end()).toMatchObject(GONE);
    expect(brick.setMemports()).toEqual([]);
  });

  test('is detached by a delete that comes while its attach is under way, and waits for it', async () => {
    await setLink(brick.registers, 1, false);
    const attached = attach('p1-3', RACK, { outId: '0x1' });
    await waitFor('the attach', async () => (await show('p1-3')).status === 200 || undefined, {
      timeoutMs: 20_000,
    });
    const order: string[] = [];
    const first = attached.then(({ status }) => order.push(`attach ${status}`));
    const detached = detach('p1-3').then(({ status }) => order.push(`detach ${status}`));
    await setLink(brick.registers, 1, true);
    await Promise.all([first, detached]);
    expect(order.sort()).toEqual(['attach 201', 'detach 200']);
    expect(await show('p1-3')).toMatchObject({ status: 404 });
    expect(await attach('p1-3', RACK, { outId: '0x1' })).toMatchObject(GONE);
    expect(brick.setMemports()).toEqual([]);
  });

  test('may be used by people, again and again, and by them only', async () => {
    expect(await detach('both')).toMatchObject({ status: 404 });
    for (const _ of [1, 2]) {
      expect(await attach('both', {})).toMatchObject({ status: 201, body: { owner: 'local' } });
      expect(await attach('both')).toMatchObject({ body: { code: 'SDM_CONFLICT' } });
      expect(await detach('both')).toMatchObject({ body: { code: 'SDM_NOT_OWNER' } });
      expect(await detach('both', {})).toMatchObject({ status: 200 });
      expect(await attach('both')).toMatchObject(GONE);
    }
  });

  test('is another one than one that a person took away: its controller may attach it again', async () => {
    expect(await attach('p1-4')).toMatchObject({ status: 201 });
    expect(await detach('p1-4', {}, '?override=true')).toMatchObject({ status: 200 });
    expect(await attach('p1-4')).toMatchObject({ status: 201 });
    expect(await detach('p1-4')).toMatchObject({ status: 200 });
  });

  test('D4.4 names addresses, which come again', async () => {
    const path = '/v1/attachments/d44-0x100000000';
    expect(await brick.ask({ method: 'DELETE', path, headers: RACK })).toMatchObject({
      status: 404,
    });
    expect(await attach('d44-0x100000000')).toMatchObject({ status: 201 });
    expect(await detach('d44-0x100000000')).toMatchObject({ status: 200 });
  });
});

type Ask = { readonly id: number; readonly do: 'attach' | 'late attach' | 'detach' };

const asks = fc.array(
  fc.record({
    id: fc.nat({ max: 1 }),
    do: fc.constantFrom<Ask['do'][]>('attach', 'late attach', 'detach'),
    /** Turns of the event loop before the next. */
    pause: fc.nat({ max: 2 }),
  }),
  { minLength: 2, maxLength: 8 },
);

let runs = 0;

test(
  'whatever comes at once: nothing is there after a delete was answered',
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(asks, async (all) => {
        const run = ++runs;
        const nameOf = (id: number): string => `p${run + 100}-${id}`;
        /** Ids of which a delete has been answered. */
        const deleted = new Set<number>();
        const running: Promise<void>[] = [];
        const endings: (() => Promise<void>)[] = [];
        const judge = (late: boolean, { status }: { readonly status: number }): void => {
          if (late) expect(status).toBe(410);
          else expect([201, 410]).toContain(status);
        };
        for (const { id, do: what, pause } of all) {
          const gone = deleted.has(id);
          if (what === 'attach') running.push(attach(nameOf(id)).then((a) => judge(gone, a)));
          else if (what === 'late attach') {
            const { end } = beginLate(nameOf(id));
            endings.push(async () => judge(deleted.has(id), await end()));
          } else {
            const asked = detach(nameOf(id)).then(({ status }) => {
              expect([200, 404]).toContain(status);
              deleted.add(id);
            });
            running.push(asked);
          }
          for (let turn = 0; turn < pause * 20; turn++) await new Promise(setImmediate);
        }
        // half of those that are late come while the others are under way
        await Promise.all(endings.splice(0, endings.length >> 1).map((end) => end()));
        await Promise.all(running);
        await Promise.all(endings.map((end) => end()));
        const there = await listed();
        for (const id of deleted) expect(there).not.toContain(nameOf(id));
        expect(brick.setMemports()).toHaveLength(there.length);
        await Promise.all(there.map((id) => detach(id)));
      }),
      { numRuns: 60 },
    );
  },
);

test('a higher epoch of the controller changes nothing about it; another controller has its own', async () => {
  expect(await detach('p9-0')).toMatchObject({ status: 404 });
  expect(await attach('p9-0', by('rack', 2))).toMatchObject(GONE);
  expect(await attach('p9-0', by('rack-b', 3))).toMatchObject({ status: 201 });
  expect(await detach('p9-0', by('rack-b', 3))).toMatchObject({ status: 200 });
});

test('as many as are kept, the oldest go', () => {
  const tombstones = new Tombstones(3);
  const rack: Caller = { owner: 'rack', epoch: 1n };
  const isGone = (id: string, caller = rack): boolean => {
    try {
      tombstones.check('attachment', id, caller);
      return false;
    } catch (error) {
      expect(error).toMatchObject({ code: 'SDM_GONE' });
      return true;
    }
  };
  // "a" is deleted again: it is the newest then
  for (const id of ['a', 'b', 'c', 'a', 'd']) tombstones.add(id, rack);
  expect(['a', 'b', 'c', 'd'].map((id) => isGone(id))).toEqual([true, false, true, true]);
  tombstones.add('x', LOCAL);
  expect(isGone('x', LOCAL)).toBe(false);
  expect(isGone('x')).toBe(false);
});

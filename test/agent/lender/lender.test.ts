import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LOCAL } from '../../../src/agent/types.js';
import { SdmError } from '../../../src/common/errors.js';
import { waitFor } from '../../../src/common/wait.js';
import { memoryDir } from '../../support/scratch.js';
import { asking, BASE, NEXT, RACK, ranges, SEGMENT, World } from './world.js';

const directory = memoryDir('lender');
let world: World;

beforeEach(async () => {
  world = new World(directory);
  await world.start();
});
afterEach(() => world.remove());

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('what is granted', () => {
  test.each([
    ['no range', { ranges: [] }, 'SDM_INPUT'],
    ['no bytes', { ranges: [{ start: BASE, size: 0n }] }, 'SDM_INPUT'],
    ['half a segment', { ranges: [{ start: BASE, size: SEGMENT / 2n }] }, 'SDM_INPUT'],
    ['between two', { ranges: [{ start: BASE + 4096n, size: SEGMENT }] }, 'SDM_INPUT'],
    ['one twice', { ranges: ranges([0, 2], [1, 1]) }, 'SDM_INPUT'],
    ['the header', { ranges: [{ start: 0n, size: SEGMENT }] }, 'SDM_NOT_OURS'],
    ['what lies behind it', { ranges: ranges([7, 2]) }, 'SDM_NOT_OURS'],
  ])('%s is refused', async (_, request, expected) => {
    await expect(world.put('a', request)).rejects.toThrow(code(expected));
    expect(world.lender.grants()).toEqual([]);
  });

  test('an id that cannot be is refused', async () => {
    await expect(world.put('a/b', asking(0, 1))).rejects.toThrow(code('SDM_INPUT'));
  });

  test('the same again is the same grant, and another under its id a conflict', async () => {
    const first = await world.put('a', asking(0, 2, { borrower: '0.0.1' }));
    expect(first).toMatchObject({ created: true, grant: { state: 'granted', region: 'a' } });
    expect(await world.put('a', asking(0, 2, { borrower: '0.0.1' }))).toEqual({
      grant: first.grant,
      created: false,
    });
    for (const other of [asking(0, 1), asking(0, 2), asking(0, 2, { shared: true })]) {
      await expect(world.put('a', other)).rejects.toThrow(code('SDM_CONFLICT'));
    }
    expect(world.lender.grant('a')).toEqual(first.grant);
  });

  test('nothing is granted twice but among those that share it', async () => {
    await world.put('a', asking(0, 2));
    await world.put('s1', asking(4, 2, { shared: true }));
    await expect(world.put('b', asking(1, 2))).rejects.toMatchObject({
      code: 'SDM_RANGE_TAKEN',
      details: { grant: 'a', segment: 1 },
    });
    await expect(world.put('b', asking(1, 2, { shared: true }))).rejects.toThrow(
      code('SDM_RANGE_TAKEN'),
    );
    await expect(world.put('b', asking(5, 1))).rejects.toThrow(code('SDM_RANGE_TAKEN'));
    await world.put('s2', asking(5, 2, { shared: true }));
    const { segments } = world.lender.segments();
    expect(segments.find(({ first }) => first === 5)).toMatchObject({ grants: ['s1', 's2'] });
  });

  test('what nobody knows is not found', async () => {
    expect(() => world.lender.grant('x')).toThrow(code('SDM_NOT_FOUND'));
    await expect(world.drop('x')).rejects.toThrow(code('SDM_NOT_FOUND'));
  });
});

describe('what ends', () => {
  test('is zero before anybody hears that it is, and takes no room in the pool', async () => {
    await world.put('a', { ranges: ranges([0, 2], [4, 1]) });
    for (const segment of [0, 1, 3, 4, 5]) world.write(segment, 0xaa);
    const answer = await world.drop('a');
    expect(answer).toMatchObject({
      scrubbed: 3n * SEGMENT,
      retained: 0n,
      shared: 0n,
      ranges: ranges([0, 2], [4, 1]),
      proof: { method: 'punch', holes: true, zeroes: true },
    });
    expect([0, 1, 2, 3, 4, 5].map((segment) => world.read(segment))).toEqual([
      0, 0, 0, 0xaa, 0, 0xaa,
    ]);
    expect((await world.lender.view()).allocated).toBe(2n * SEGMENT);
    expect(await world.drop('a')).toEqual(answer);
    await world.put('b', asking(0, 2));
  });

  test('with others left is scrubbed by the last', async () => {
    await world.put('s1', asking(0, 2, { shared: true }));
    await world.put('s2', asking(1, 2, { shared: true }));
    for (const segment of [0, 1, 2]) world.write(segment, 7);
    expect(await world.drop('s1')).toMatchObject({ scrubbed: SEGMENT, shared: SEGMENT });
    expect([0, 1, 2].map((segment) => world.read(segment))).toEqual([0, 7, 7]);
    expect(await world.drop('s2')).toMatchObject({ scrubbed: 2n * SEGMENT, shared: 0n });
    expect([0, 1, 2].map((segment) => world.read(segment))).toEqual([0, 0, 0]);
  });

  test('what is retained is for its region alone, until it is given up', async () => {
    await world.put('a', asking(0, 2, { region: 'data' }));
    world.write(0, 9);
    expect(await world.drop('a', true)).toMatchObject({ scrubbed: 0n, retained: 2n * SEGMENT });
    expect(world.states().slice(0, 3)).toEqual(['retained', 'retained', 'clean']);
    await expect(world.put('b', asking(0, 1))).rejects.toMatchObject({
      code: 'SDM_NOT_CLEAN',
      details: { state: 'retained', region: 'data' },
    });
    await world.put('c', asking(0, 1, { region: 'data' }));
    expect(world.read(0)).toBe(9);
    await world.drop('c', true);
    await expect(world.lender.scrub({ region: 'other' }, RACK)).rejects.toThrow(
      code('SDM_NOT_FOUND'),
    );
    expect(await world.lender.scrub({ region: 'data' }, RACK)).toMatchObject({
      scrubbed: 2n * SEGMENT,
    });
    expect(world.read(0)).toBe(0);
    await world.put('b', asking(0, 2));
  });

  test('what is granted cannot be given up', async () => {
    await world.put('a', asking(0, 1));
    await expect(world.lender.scrub({ ranges: ranges([0, 2]) }, RACK)).rejects.toThrow(
      code('SDM_RANGE_TAKEN'),
    );
    await expect(world.lender.scrub({}, RACK)).rejects.toThrow(code('SDM_INPUT'));
    expect(await world.lender.scrub({ ranges: ranges([1, 1]) }, RACK)).toMatchObject({
      scrubbed: 0n,
    });
  });

  test('a scrub that fails leaves it dirty, says why, and is tried again', async () => {
    await world.put('a', asking(0, 2));
    world.write(0, 1);
    world.fate.scrub = () => Promise.reject(new SdmError('SDM_SCRUB', 'it is not zero'));
    await expect(world.drop('a')).rejects.toThrow(code('SDM_SCRUB'));
    await waitFor('another attempt', () => world.events.filter(failed).length > 2 || undefined, {
      timeoutMs: 5_000,
    });
    expect(world.lender.grant('a')).toMatchObject({
      state: 'leaving',
      error: { code: 'SDM_SCRUB' },
    });
    await expect(world.put('b', asking(1, 1))).rejects.toMatchObject({
      code: 'SDM_NOT_CLEAN',
      details: { state: 'dirty' },
    });
    await expect(world.put('a', asking(0, 2))).rejects.toThrow(code('SDM_CONFLICT'));
    world.fate.scrub = undefined;
    expect(await world.drop('a')).toMatchObject({ scrubbed: 2n * SEGMENT });
    expect(world.lender.grants()).toEqual([]);
    expect(world.read(0)).toBe(0);
  });

  test('what somebody writes to while it is scrubbed is not clean', async () => {
    await world.put('a', asking(0, 1));
    let times = 0;
    // between the hole and the look at it: as a borrower would who was not fenced
    world.fate.scrub = async (real) => {
      await real();
      world.write(0, 3);
      times += 1;
      if (times < 3) throw new SdmError('SDM_SCRUB', 'not zero');
      world.fate.scrub = undefined;
      return real();
    };
    await expect(world.drop('a')).rejects.toThrow(code('SDM_SCRUB'));
    await world.drop('a').catch(() => world.drop('a'));
    expect(world.read(0)).toBe(0);
  });

  test('what holds bytes again that was clean is scrubbed before it is granted', async () => {
    world.write(2, 5);
    await world.put('a', asking(1, 3));
    expect(world.read(2)).toBe(0);
    expect(world.events).toContainEqual({ kind: 'stray', range: ranges([1, 3])[0] });
  });

  const failed = ({ kind }: { kind: string }): boolean => kind === 'scrub-failed';
});

describe('who commands', () => {
  test('a term that is over is refused, also by the next lender', async () => {
    await world.put('a', asking(0, 1), RACK);
    expect(await world.put('a', asking(0, 1), NEXT)).toMatchObject({
      created: false,
      grant: { owner: 'rack-b' },
    });
    for (const again of [false, true]) {
      if (again) {
        await world.kill();
        await world.start();
      }
      await expect(world.put('b', asking(1, 1), RACK)).rejects.toThrow(code('SDM_STALE_EPOCH'));
      await expect(world.drop('a', false, RACK)).rejects.toThrow(code('SDM_STALE_EPOCH'));
    }
    expect(world.lender.grant('a').owner).toBe('rack-b');
  });

  test('people and controllers keep out of each other’s way unless they override', async () => {
    await world.put('a', asking(0, 1), RACK);
    await expect(world.drop('a')).rejects.toThrow(code('SDM_NOT_OWNER'));
    await expect(world.put('a', asking(0, 1))).rejects.toThrow(code('SDM_NOT_OWNER'));
    const { lender } = world;
    await lender.drop('a', { override: true }, LOCAL);
    expect(lender.grants()).toEqual([]);
  });
});

describe('the next lender', () => {
  test('goes on from the journal, and scrubs what nobody has', async () => {
    await world.put('a', asking(0, 2));
    await world.put('r', asking(3, 1));
    await world.drop('r', true);
    for (const segment of [0, 1, 3]) world.write(segment, 4);
    await world.kill();
    await world.start();
    expect(world.lender.grants()).toMatchObject([{ id: 'a' }]);
    expect([0, 1, 3].map((segment) => world.read(segment))).toEqual([4, 4, 4]);
    expect(world.states()[3]).toBe('retained');
  });

  test('two at the same bytes are refused', async () => {
    const other = new World(directory);
    Object.assign(other, { pool: world.pool });
    await expect(other.begin()).rejects.toThrow(code('SDM_LOCKED'));
    await other.remove();
  });

  test('a journal of something else is refused, and nothing touched', async () => {
    await world.put('a', asking(0, 1));
    await world.kill();
    Object.assign(world, { segments: 4 });
    await expect(world.begin()).rejects.toThrow(code('SDM_JOURNAL_FOREIGN'));
    Object.assign(world, { segments: 8 });
    await world.start();
    expect(world.lender.grant('a').state).toBe('granted');
  });

  test('trusts no proof of another boot', async () => {
    await world.kill();
    world.write(5, 8);
    world.boot = 'boot-2';
    await world.start();
    expect(world.read(5)).toBe(0);
    expect(new Set(world.states())).toEqual(new Set(['clean']));
  });

  test('lends nothing of what was there before the first one', async () => {
    const old = new World(directory);
    old.write(2, 6);
    await old.start();
    expect(old.states()).toEqual(
      old.states().map((_, segment) => (segment === 2 ? 'unknown' : 'clean')),
    );
    expect(old.read(2)).toBe(6);
    await expect(old.put('a', asking(2, 1))).rejects.toMatchObject({
      code: 'SDM_NOT_CLEAN',
      details: { state: 'unknown' },
    });
    // nor does the next one, in another boot
    await old.kill();
    old.boot = 'boot-2';
    await old.start();
    expect(old.states()[2]).toBe('unknown');
    expect(old.read(2)).toBe(6);
    // who does not say that he means just these bytes does not get them scrubbed
    for (const giveUp of [[], ['retained']] as const) {
      await expect(
        old.lender.scrub({ ranges: ranges([1, 2]), giveUp }, RACK),
      ).rejects.toMatchObject({ code: 'SDM_NOT_CLEAN', details: { segment: 2, state: 'unknown' } });
    }
    expect(old.read(2)).toBe(6);
    await old.lender.scrub({ ranges: ranges([2, 1]), giveUp: ['unknown'] }, RACK);
    await old.put('a', asking(2, 1));
    await old.remove();
  });

  test('takes what is in use as it is, and scrubs it when it comes back', async () => {
    const old = new World(directory);
    old.write(2, 6);
    await old.start();
    old.write(1, 5); // the borrower went on, since the first look
    await old.put('a', { ...asking(1, 2), adopt: true });
    expect([old.read(1), old.read(2)]).toEqual([5, 6]);
    expect(old.states().slice(1, 3)).toEqual(['granted', 'granted']);
    await expect(old.put('b', { ...asking(2, 1), adopt: true })).rejects.toThrow(
      code('SDM_RANGE_TAKEN'),
    );
    // the same again, said or not
    await old.put('a', asking(1, 2));
    await old.drop('a');
    expect([old.read(1), old.read(2)]).toEqual([0, 0]);
    await old.remove();
  });

  test('keeps a grant that has other bytes than whoever drops it means', async () => {
    const world = new World(directory);
    await world.start();
    await world.put('a', asking(1, 2));
    const [range] = ranges([1, 1]);
    await expect(world.lender.drop('a', { range: range! }, LOCAL)).rejects.toThrow(
      code('SDM_CONFLICT'),
    );
    expect(world.states().slice(1, 3)).toEqual(['granted', 'granted']);
    const [whole] = ranges([1, 2]);
    await world.lender.drop('a', { range: whole! }, LOCAL);
    await world.remove();
  });
});

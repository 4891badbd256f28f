import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { parseCommand, type Command } from '../../../src/abi/d44/index.js';
import { Agent } from '../../../src/agent/agent.js';
import { RemoteMemory } from '../../../src/agent/d44.js';
import type { AgentConfig, Caller } from '../../../src/agent/types.js';
import { DOCUMENT_EXAMPLE, DOCUMENT_REMOVE, EXAMPLE_SEGMENTS } from '../../abi/d44/example.js';
import { makeBrick, MIB } from '../brick.js';
import { TestJournal } from '../test-journal.js';
import { makeZynq, type ZynqBrick } from './brick.js';

const NOTHING_CHECKED = { checks: { alignment: false, remoteOverlap: false } };
const UNIT = 0x1000_0000n;
const BASE = 0x4_0000_0000n;

const example = parseCommand(DOCUMENT_EXAMPLE);
const removal = parseCommand(DOCUMENT_REMOVE);

let brick: ZynqBrick;
let agent: Agent;
let remote: RemoteMemory;

async function start(config: Partial<AgentConfig> = {}): Promise<void> {
  brick = makeZynq(config);
  agent = await brick.open();
  remote = new RemoteMemory(agent, undefined);
}
afterEach(async () => {
  await agent.close();
  brick.remove();
});

/** Segments of a unit each: where in the window, and where in the pool, in units. */
function add(...segments: [at: number, to: number, net?: number][]): Command {
  return {
    action: 'Add',
    cIP: undefined,
    segments: segments.map(([at, to, net = 4]) => ({
      start: BASE + BigInt(at) * UNIT,
      end: BASE + BigInt(at + 1) * UNIT - 1n,
      remote: BigInt(to) * UNIT,
      net: BigInt(net),
    })),
  };
}

function remove(...segments: [at: number, to?: number, net?: number][]): Command {
  return {
    action: 'Remove',
    cIP: undefined,
    segments: segments.map(([at, to, net]) => ({
      start: BASE + BigInt(at) * UNIT,
      end: BASE + BigInt(at + 1) * UNIT - 1n,
      remote: to === undefined ? undefined : BigInt(to) * UNIT,
      net: net === undefined ? undefined : BigInt(net),
    })),
  };
}

const ids = (): string[] => agent.listAttachments().map(({ id }) => id);
const id = (at: number): string => `d44-0x${(BASE + BigInt(at) * UNIT).toString(16)}`;

describe('what is refused changes nothing', () => {
  test.each<[string, object, Command, string, RegExp]>([
    [
      'the example with all checks: segment, misalignment and what was expected',
      {},
      example,
      'SDM_INPUT',
      /^segments\[0\] \(startA 0x430000000\): remote 0x800000003 is 0x3 past a multiple of 0x10000000; expected 0x830000000: .* the generator added the index/,
    ],
    [
      'the example with overlaps checked',
      { checks: { alignment: false, remoteOverlap: true } },
      example,
      'SDM_INPUT',
      /overlaps that of segments\[3\]/,
    ],
    [
      'another brick',
      {},
      { ...add([0, 1]), cIP: '192.0.2.7' },
      'SDM_OTHER_BRICK',
      /"192.0.2.7" \(cIP\), and this one is "test" at 127.0.0.1, ::1/,
    ],
    [
      'a third segment outside of the window',
      {},
      add([0, 1], [1, 2], [16, 3]),
      'SDM_INPUT',
      /^segments\[2\] \(startA 0x500000000\): start .* not in the window.*nothing that this command made is left/,
    ],
    [
      'a third segment outside of the shares',
      {},
      add([0, 1], [1, 2], [2, 0]),
      'SDM_NOT_OURS',
      /^segments\[2\].*nothing that this command made is left$/,
    ],
    [
      'a link that is down',
      {},
      add([0, 1], [1, 2, 1]),
      'SDM_LINK_DOWN',
      /^segments\[1\].*transceiver 1/,
    ],
    [
      'a Remove of nothing',
      {},
      remove([0]),
      'SDM_NOT_FOUND',
      /^segments\[0\] \(startA 0x400000000\): nothing is attached at 0x400000000-0x40fffffff: nothing is attached$/,
    ],
  ])('%s', async (_, config, command, code, message) => {
    await start(config);
    const port = agent.brick().nports;
    expect(port).toBe(32);
    linkDown(1);
    const before = readFileSync(brick.registers);
    await expect(remote.run(command)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(agent.listAttachments()).toEqual([]);
    expect(brick.set()).toEqual([]);
    if (code === 'SDM_INPUT' && command === example) {
      expect(readFileSync(brick.registers).equals(before)).toBe(true);
    }
  });

  /** The other side takes a link away. */
  function linkDown(transceiver: number): void {
    const fd = openSync(brick.registers, 'r+');
    writeSync(fd, Buffer.from([0xf & ~(1 << transceiver)]), 0, 1, 0x48);
    closeSync(fd);
  }

  test('details name the segment for programs', async () => {
    await start();
    await expect(remote.run(add([0, 1], [1, 0]))).rejects.toMatchObject({
      code: 'SDM_NOT_OURS',
      details: { segment: 1, startA: '0x410000000', undone: true },
    });
  });
});

describe("the document's example, with its checks off", () => {
  test('programs four memports with exactly its values; Remove clears them', async () => {
    await start(NOTHING_CHECKED);
    const added = await remote.run(example);
    expect(added.map((a) => [a.id, a.mode, a.state, a.start, a.end, a.remote])).toEqual(
      EXAMPLE_SEGMENTS.map((s) => [
        `d44-0x${s.start.toString(16)}`,
        'device',
        'present',
        s.start,
        s.end,
        s.remote,
      ]),
    );
    expect(
      brick.set().map(({ start, end, offset, outId, inId, status }) => ({
        start,
        end,
        offset,
        outId,
        inId,
        status,
      })),
    ).toEqual([
      {
        start: 17179869184n,
        end: 17448304639n,
        offset: 17179869184n,
        outId: 188440n,
        inId: 188440n,
        status: 1,
      },
      {
        start: 17448304640n,
        end: 17716740095n,
        offset: 16911433729n,
        outId: 188440n,
        inId: 188440n,
        status: 1,
      },
      {
        start: 17716740096n,
        end: 17985175551n,
        offset: 16642998274n,
        outId: 188440n,
        inId: 188440n,
        status: 1,
      },
      {
        start: 17985175552n,
        end: 18253611007n,
        offset: 16374562819n,
        outId: 188440n,
        inId: 188440n,
        status: 1,
      },
    ]);

    expect(await remote.run(example)).toEqual(added); // once more is no error
    expect(brick.set().length).toBe(4);

    const removed = await remote.run(removal);
    expect(removed.map(({ state }) => state)).toEqual(['free', 'free', 'free', 'free']);
    expect(brick.set()).toEqual([]);
    expect(ids()).toEqual([]);
    await expect(remote.run(removal)).rejects.toMatchObject({ code: 'SDM_NOT_FOUND' });
  });

  test('bytes that several segments lead to go with the last of them', async () => {
    await start(NOTHING_CHECKED);
    await remote.run(example);
    const pool = openSync(brick.pool, 'r+');
    const at = 0x8_0000_0000;
    const text = Buffer.from('0123456789');
    writeSync(pool, text, 0, text.length, at);
    const read = (): string => {
      const found = Buffer.alloc(text.length);
      readSync(pool, found, 0, found.length, at);
      return found.toString('latin1').replaceAll('\0', '.');
    };
    const without = (start: bigint): Command => {
      const segments = EXAMPLE_SEGMENTS.filter((segment) => segment.start === start);
      return { action: 'Remove', cIP: undefined, segments };
    };
    await remote.run(without(0x4_0000_0000n));
    expect(read()).toBe('.123456789'); // the first byte was its own
    await remote.run(without(0x4_2000_0000n));
    expect(read()).toBe('.123456789');
    await remote.run(without(0x4_1000_0000n));
    expect(read()).toBe('...3456789');
    await remote.run(without(0x4_3000_0000n));
    expect(read()).toBe('..........');
    closeSync(pool);
  });
});

describe('an Add', () => {
  test('of what is there already keeps it, and makes the rest', async () => {
    await start();
    const [first] = await remote.run(add([0, 1]));
    const both = await remote.run(add([0, 1], [1, 2]));
    expect(both[0]).toEqual(first);
    expect(ids()).toEqual([id(0), id(1)]);
  });

  test('that fails keeps what was there before it', async () => {
    await start();
    await remote.run(add([1, 2]));
    await expect(remote.run(add([0, 1], [1, 2], [2, 2]))).rejects.toMatchObject({
      code: 'SDM_INPUT',
    });
    await expect(remote.run(add([0, 1], [1, 2], [2, 0]))).rejects.toMatchObject({
      code: 'SDM_NOT_OURS',
    });
    expect(ids()).toEqual([id(1)]);
    expect(brick.set().map((port) => port.start)).toEqual([BASE + UNIT]);
  });

  test('that fails keeps what another command attaches meanwhile', async () => {
    await start();
    await agent.close();
    const journal = new TestJournal();
    journal.hold(); // the agent cannot begin yet, and commands wait for that
    agent = await Agent.open(brick.config, { journal });
    remote = new RemoteMemory(agent, undefined);
    const place = { start: BASE + UNIT, remote: 2n * UNIT, outId: 4n, inId: 4n };
    const attached = agent.attach({ id: id(1), mode: 'device', size: UNIT, ...place });
    const failing = expect(remote.run(add([0, 1], [1, 2], [2, 0]))).rejects.toMatchObject({
      code: 'SDM_NOT_OURS',
      details: { undone: true },
    });
    await journal.waiting(1);
    await journal.release();
    expect((await attached).state).toBe('present');
    await failing;
    expect(ids()).toEqual([id(1)]);
  });

  test('that fails while the agent begins keeps what was attached before', async () => {
    await start();
    await agent.close();
    let journal = new TestJournal();
    agent = await Agent.open(brick.config, { journal });
    await new RemoteMemory(agent, undefined).run(add([1, 2]));
    await agent.close();
    journal = journal.crashed('none');
    journal.hold();
    agent = await Agent.open(brick.config, { journal, bootId: 'the next' });
    remote = new RemoteMemory(agent, undefined);
    const failing = expect(remote.run(add([0, 1], [1, 2], [2, 0]))).rejects.toMatchObject({
      code: 'SDM_NOT_OURS',
    });
    const gone = expect(remote.run(remove([0]))).rejects.toMatchObject({ code: 'SDM_NOT_FOUND' });
    await journal.waiting(1);
    await journal.release();
    await failing;
    await gone;
    expect(agent.listAttachments()).toMatchObject([{ id: id(1), state: 'present' }]);
  });

  test('of the same place with other properties says what differs', async () => {
    await start();
    await remote.run(add([0, 1]));
    await expect(remote.run(add([0, 2]))).rejects.toMatchObject({
      code: 'SDM_CONFLICT',
      message: expect.stringMatching(
        /^segments\[0\].*remote is 0x10000000, and 0x20000000 is asked/,
      ),
    });
    await expect(remote.run(add([0, 1, 8]))).rejects.toMatchObject({ code: 'SDM_CONFLICT' });
    expect(ids()).toEqual([id(0)]);
  });

  test('over what someone else attached says what is there', async () => {
    await start();
    await agent.attach({ id: 'own', mode: 'device', size: UNIT, start: BASE });
    await expect(remote.run(add([1, 3], [0, 2]))).rejects.toMatchObject({
      code: 'SDM_RANGE_TAKEN',
      message: expect.stringMatching(/^segments\[1\] \(startA 0x400000000\): start .*memport 0/),
    });
    expect(ids()).toEqual(['own']);
  });

  test('at the same time as another one of the same makes one', async () => {
    await start();
    const all = await Promise.all([1, 2, 3, 4].map(() => remote.run(add([0, 1], [1, 2]))));
    for (const answer of all) expect(answer).toEqual(all[0]);
    expect(ids().sort()).toEqual([id(0), id(1)]);
  });
});

describe('a Remove', () => {
  test.each<[string, Command, string, RegExp]>([
    [
      'a part of a range',
      {
        ...remove([0]),
        segments: [{ start: BASE, end: BASE + UNIT / 2n - 1n, remote: undefined, net: undefined }],
      } as Command,
      'SDM_NOT_FOUND',
      /^segments\[0\].* there is 0x400000000-0x40fffffff \(d44-0x400000000\), and only exact ranges are removed$/,
    ],
    [
      'two ranges as one',
      {
        ...remove([0]),
        segments: [{ start: BASE, end: BASE + 2n * UNIT - 1n, remote: undefined, net: undefined }],
      } as Command,
      'SDM_NOT_FOUND',
      /there is 0x400000000-0x40fffffff \(d44-0x400000000\), 0x410000000-/,
    ],
    [
      'what is not there beside what is',
      remove([0], [5]),
      'SDM_NOT_FOUND',
      /^segments\[1\] \(startA 0x450000000\): nothing is attached at 0x450000000-0x45fffffff: attached are 0x400000000-/,
    ],
    [
      'another offset',
      remove([1], [0, 7]),
      'SDM_CONFLICT',
      /^segments\[1\] .* is attachment d44-0x400000000, and differs \(it leads to 0x10000000, and the offset given to 0x70000000\)/,
    ],
    ['another net', remove([0, 1, 5]), 'SDM_CONFLICT', /its network id is 4, and 5 is given/],
    ['another brick', { ...remove([0]), cIP: '2001:db8::1' }, 'SDM_OTHER_BRICK', /2001:db8::1/],
  ])('%s is refused, and all stay', async (_, command, code, message) => {
    await start();
    await remote.run(add([0, 1], [1, 2]));
    await expect(remote.run(command)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(ids()).toEqual([id(0), id(1)]);
    expect(brick.set().length).toBe(2);
  });

  test('takes what is named as it was added, in any order', async () => {
    await start();
    await remote.run(add([0, 1], [1, 2], [2, 3]));
    await remote.run(remove([2], [0, 1, 4]));
    expect(ids()).toEqual([id(1)]);
  });

  test('takes a device attachment of another id', async () => {
    await start();
    await agent.attach({ id: 'own', mode: 'device', size: UNIT, start: BASE });
    expect((await remote.run(remove([0])))[0]).toMatchObject({ id: 'own', state: 'free' });
  });

  test("of another owner's is refused, both ways", async () => {
    await start();
    const controller: Caller = { owner: 'c1', epoch: 3n };
    await remote.run(add([0, 1]), controller);
    await remote.run(add([1, 2]));
    await expect(remote.run(remove([0]))).rejects.toMatchObject({
      code: 'SDM_NOT_OWNER',
      message: expect.stringContaining('which belongs to c1, and local asks'),
    });
    await expect(remote.run(remove([0], [1]), controller)).rejects.toMatchObject({
      code: 'SDM_NOT_OWNER',
    });
    expect(ids()).toEqual([id(0), id(1)]);
    await remote.run(remove([0]), { owner: 'c2', epoch: 4n }); // a later term commands them
    expect(ids()).toEqual([id(1)]);
  });
});

describe('cIP', () => {
  test.each(['127.0.0.1', '::1', '0:0:0:0:0:0:0:1'])('%s is any brick itself', async (cIP) => {
    await start();
    expect(await remote.run({ ...add([0, 1]), cIP })).toHaveLength(1);
  });

  test('what is configured counts, and nothing else', async () => {
    await start();
    remote = new RemoteMemory(agent, ['10.0.0.7', 'FE80::0001']);
    for (const cIP of ['10.0.0.7', 'fe80::1', 'fe80:0::1%eth0']) {
      expect(await remote.run({ ...add([0, 1]), cIP })).toHaveLength(1);
    }
    await expect(remote.run({ ...add([0, 1]), cIP: '127.0.0.1' })).rejects.toMatchObject({
      code: 'SDM_OTHER_BRICK',
      message: expect.stringContaining('10.0.0.7, FE80::0001'),
      details: { cIP: '127.0.0.1', brick: 'test', addresses: ['10.0.0.7', 'FE80::0001'] },
    });
  });
});

describe('whatever is commanded', () => {
  const slot = fc.integer({ min: 0, max: 5 });
  const command = fc.record({
    action: fc.constantFrom('Add' as const, 'Add' as const, 'Remove' as const),
    segments: fc.uniqueArray(
      fc.record({ at: slot, to: fc.integer({ min: 1, max: 6 }), given: fc.boolean() }),
      { selector: ({ at }) => at, minLength: 1, maxLength: 3 },
    ),
  });

  test('all segments are done or none, as a model says', async () => {
    const size = 2n * MIB;
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 12 }), async (commands) => {
        const base = BASE;
        const small = makeBrick({
          poolSize: 16n * MIB,
          format: { profile: 'zynq', granule: size, windowBase: base },
          shares: [{ start: size, size: 14n * MIB, shared: false }],
        });
        const core = await Agent.open(small.config);
        const program = new RemoteMemory(core, undefined);
        const model = new Map<number, number>();
        try {
          for (const { action, segments } of commands) {
            const works =
              action === 'Add'
                ? new Set(segments.map(({ to }) => to)).size === segments.length &&
                  segments.every(
                    ({ at, to }) =>
                      model.get(at) === to || (!model.has(at) && ![...model.values()].includes(to)),
                  )
                : segments.every(
                    ({ at, to, given }) => model.has(at) && (!given || model.get(at) === to),
                  );
            const full = segments.map(({ at, to, given }) => ({
              start: base + BigInt(at) * size,
              end: base + BigInt(at + 1) * size - 1n,
              remote: action === 'Add' || given ? BigInt(to) * size : undefined,
              net: action === 'Add' ? 0n : undefined,
            }));
            const outcome = await program
              .run({ action, cIP: undefined, segments: full } as Command)
              .then(
                () => true,
                () => false,
              );
            expect(outcome).toBe(works);
            for (const { at, to } of works ? segments : []) {
              if (action === 'Add') model.set(at, to);
              else model.delete(at);
            }
            const set = core.memports().filter((port) => port.set);
            expect(
              new Map(
                set.map((port) => [
                  Number((port.start - base) / size),
                  Number(port.remote! / size),
                ]),
              ),
            ).toEqual(model);
          }
        } finally {
          await core.close();
          small.remove();
        }
      }),
      { numRuns: 40 },
    );
  });
});

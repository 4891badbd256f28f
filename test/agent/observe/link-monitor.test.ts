import { closeSync, openSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { REG } from '../../../src/abi/codec.js';
import { Agent } from '../../../src/agent/agent.js';
import { MemoryJournal } from '../../../src/agent/attachments/journal.js';
import type { LinkState } from '../../../src/agent/backend/types.js';
import type { EventBody } from '../../../src/agent/events.js';
import { LinkMonitor, type WatchedAgent } from '../../../src/agent/observe/link-monitor.js';
import { setLink } from '../../../src/rack/registers.js';
import { makeBrick, MIB, type TestBrick } from '../brick.js';

type LinkEvent = Extract<EventBody, { kind: 'link' }>;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const ALL_UP = 0b1111n;
/** An agent over whose links nothing goes. */
const IDLE = { transceivers: () => [], linkChanged: () => Promise.resolve() };

/** A monitor, and what it told: `look()` compares once, as its timer would. */
function watch(agent: WatchedAgent) {
  const events: LinkEvent[] = [];
  const errors: string[] = [];
  const log = { ...SILENT, error: (_fields: object, message: string) => errors.push(message) };
  const event = (body: EventBody): void => void events.push(body as LinkEvent);
  const monitor = new LinkMonitor(agent, { event, step() {} }, log);
  const news = () => {
    monitor.look();
    return events.splice(0).map(({ transceiver, up, downs }) => [transceiver, up, downs]);
  };
  return { monitor, news, events, errors };
}

describe('a block that reads garbage', () => {
  let read: () => LinkState;
  const agent = { ...IDLE, links: () => read() };

  it('is complained of once per time that it cannot be read, and watched on', () => {
    read = () => {
      throw new Error('the bus is gone');
    };
    const { news, errors } = watch(agent);
    expect([news(), news()]).toEqual([[], []]);
    expect(errors).toEqual([expect.stringContaining('the bus is gone')]);
    read = () => ({ status: 1n, downs: [5n] });
    expect(news()).toEqual([]);
    read = () => ({ status: 0n, downs: [6n] });
    expect(news()).toEqual([[0, false, 6n]]);
  });

  it('never throws, and tells each link at most once per look', () => {
    const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
    const state = fc.record({
      status: word,
      downs: fc.array(word, { minLength: 4, maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(state, { minLength: 2, maxLength: 30 }), (states) => {
        let at = 0;
        read = () => states[at++ % states.length]!;
        const { news, errors } = watch(agent);
        for (let look = 0; look < 10; look += 1) {
          const told = news().map(([transceiver]) => transceiver);
          expect(new Set(told).size).toBe(told.length);
        }
        expect(errors).toEqual([]);
      }),
    );
  });

  it('is not to be seen in bits that no transceiver has', () => {
    read = () => ({ status: 0xf1n, downs: [0n] });
    const { news } = watch(agent);
    read = () => ({ status: 0x01n, downs: [0n] });
    expect(news()).toEqual([]);
  });
});

describe('what is told', () => {
  let state: { status: bigint; downs: bigint[] };
  const agent: WatchedAgent = {
    ...IDLE,
    links: () => ({ status: state.status, downs: [...state.downs] }),
  };
  beforeEach(() => {
    state = { status: 0b11n, downs: [0n, 0n] };
  });

  it('is nothing while nothing changes', () => {
    const { news } = watch(agent);
    expect([news(), news()]).toEqual([[], []]);
  });

  it('is a fall once, also where it is counted only after the look', () => {
    const { news } = watch(agent);
    state.status = 0b10n;
    expect(news()).toEqual([[0, false, 0n]]);
    state.downs[0] = 1n;
    expect(news()).toEqual([]);
    state.status = 0b11n;
    expect(news()).toEqual([[0, true, 1n]]);
  });

  it('is a blip, by its counter alone', () => {
    const { news } = watch(agent);
    state.downs[1] = 1n;
    expect(news()).toEqual([[1, true, 1n]]);
    // down, and since then up and down again
    state = { status: 0b01n, downs: [0n, 2n] };
    expect(news()).toEqual([[1, false, 2n]]);
    state.downs[1] = 3n;
    expect(news()).toEqual([[1, false, 3n]]);
  });

  it('is a counter that wraps', () => {
    state.downs[0] = (1n << 64n) - 1n;
    const { news } = watch(agent);
    state.downs[0] = 0n;
    expect(news()).toEqual([[0, true, 0n]]);
  });

  it('comes by a timer, until it is stopped', () => {
    vi.useFakeTimers();
    try {
      const { monitor, events } = watch(agent);
      state.status = 0b10n;
      monitor.start(100);
      // a change between the first look and the start
      expect(events.splice(0)).toHaveLength(1);
      state.status = 0b11n;
      vi.advanceTimersByTime(99);
      expect(events).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(events.splice(0)).toMatchObject([{ transceiver: 0, up: true }]);
      monitor.stop();
      monitor.stop();
      state.status = 0b00n;
      vi.advanceTimersByTime(10_000);
      expect(events).toEqual([]);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps to every history of a link that is written as the other side writes it', () => {
    // what happens between two looks: the link goes down, or comes up
    fc.assert(
      fc.property(fc.array(fc.array(fc.boolean(), { maxLength: 4 })), (turns) => {
        state = { status: 1n, downs: [0n] };
        const { news } = watch(agent);
        for (const turn of turns) {
          const before = { ...state, downs: [...state.downs] };
          for (const up of turn) {
            if (!up && state.status === 1n) state.downs[0]! += 1n;
            state.status = up ? 1n : 0n;
          }
          const changed = before.status !== state.status || before.downs[0] !== state.downs[0];
          expect(news()).toEqual(changed ? [[0, state.status === 1n, state.downs[0]]] : []);
        }
      }),
    );
  });
});

describe('the agent', () => {
  let known: LinkState = { status: 1n, downs: [0n] };
  const flip = (): void => {
    known = { status: known.status ^ 1n, downs: [known.downs[0]! + 1n] };
  };

  it('is told of every change, and its failure is only logged', async () => {
    const told: unknown[] = [];
    const { news, errors } = watch({
      ...IDLE,
      links: () => known,
      linkChanged: (...args) => {
        told.push(args);
        return Promise.reject(new Error('no'));
      },
    });
    flip();
    news();
    flip();
    news();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual([
      [0, false],
      [0, true],
    ]);
    expect(errors).toHaveLength(2);
  });

  it('hears of every link that is up when the watch begins', async () => {
    const told: unknown[] = [];
    const { monitor, events } = watch({
      ...IDLE,
      links: () => ({ status: 0b101n, downs: [0n, 0n, 0n] }),
      linkChanged: (...args) => Promise.resolve(void told.push(args)),
    });
    expect(told).toEqual([]);
    monitor.start(60_000);
    monitor.stop();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual([
      [0, true],
      [2, true],
    ]);
    expect(events).toEqual([]);
  });

  it('that fails to name the attachments does not end the watch', () => {
    const { news, errors } = watch({
      ...IDLE,
      links: () => known,
      transceivers: () => {
        throw new Error('no');
      },
    });
    flip();
    expect(news()).toEqual([]);
    expect(errors).toHaveLength(1);
  });
});

describe('over a real block', () => {
  let brick: TestBrick;
  let agent: Agent;
  beforeEach(async () => {
    brick = makeBrick();
    agent = await Agent.open(brick.config);
  });
  afterEach(async () => {
    await agent.close();
    brick.remove();
  });

  it('sees what the other side writes, and who goes over it', async () => {
    await agent.attach({ id: 'a', mode: 'device', size: 2n * MIB, outId: 2n });
    await agent.attach({ id: 'b', mode: 'device', size: 2n * MIB, outId: 6n });
    await agent.attach({ id: 'c', mode: 'device', size: 2n * MIB, outId: 1n });
    const { news, monitor, events } = watch(agent);
    await setLink(brick.registers, 2, false);
    monitor.look();
    expect(events.splice(0)).toEqual([
      { kind: 'link', transceiver: 2, up: false, downs: 1n, attachments: ['a', 'b'] },
    ]);
    expect(agent.transceivers().map(({ up }) => up)).toEqual([true, true, false, true]);
    await setLink(brick.registers, 2, true);
    expect(news()).toEqual([[2, true, 1n]]);
  });

  it('has the agent restore what a boot took and a link that was down kept away', async () => {
    const journal = new MemoryJournal();
    await agent.close();
    agent = await Agent.open(brick.config, { journal, bootId: 'before' });
    await agent.attach({ id: 'a', mode: 'device', size: 2n * MIB, outId: 2n });
    await agent.close();
    await setLink(brick.registers, 2, false);
    agent = await Agent.open(brick.config, { journal, bootId: 'after' });
    await agent.reconcile();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'reserved',
      waits: 'restore',
      link: 'down',
      error: { code: 'SDM_LINK_DOWN' },
    });
    const { monitor } = watch(agent);
    await setLink(brick.registers, 2, true);
    monitor.look();
    await expect
      .poll(() => agent.getAttachment('a'), { timeout: 20_000, interval: 5 })
      .toMatchObject({ state: 'present', link: 'up' });
    expect(agent.getAttachment('a').waits).toBeUndefined();
  });

  it('goes on when all registers of links are overwritten', () => {
    const { news } = watch(agent);
    overwrite(brick.registers, 0xff);
    expect(news().map(([transceiver]) => transceiver)).toEqual([0, 1, 2, 3]);
    overwrite(brick.registers, 0x00);
    expect(news()).toHaveLength(4);
    expect(agent.links().status & ALL_UP).toBe(0n);
  });
});

/** LINK_STATUS and the LINK_DOWNS of all transceivers. */
function overwrite(path: string, byte: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(8, byte), 0, 8, REG.LINK_STATUS);
  writeSync(fd, Buffer.alloc(128, byte), 0, 128, REG.LINK_DOWNS);
  closeSync(fd);
}

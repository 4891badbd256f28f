import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventBody } from '../../../src/agent/events.js';
import { EventLog } from '../../../src/common/server/event-log.js';

const body = (epoch: bigint): EventBody => ({ kind: 'epoch', epoch, controller: 'c' });

/** A log with so many events. */
function logOf(count: number, keep?: number): EventLog {
  const log = new EventLog<EventBody>(keep);
  for (let i = 1; i <= count; i += 1) log.append(body(BigInt(i)));
  return log;
}

/** What somebody reads who has seen `id`: the gap, and the terms of the events after it. */
function read(log: EventLog, id: string | undefined) {
  const { next, gap } = log.after(id);
  const terms: bigint[] = [];
  for (let seq = next; seq < log.next; seq += 1) {
    terms.push(BigInt((JSON.parse(log.at(seq)!.data) as { epoch: string }).epoch));
  }
  return { gap, terms };
}

describe('an id that names nothing', () => {
  it.each([
    ['of another run', () => 'ffffffff-1'],
    ['of an event to come', (log: EventLog) => `${log.run}-4`],
    ['that is no number', (log: EventLog) => `${log.run}-x`],
    ['that is no id', () => 'x'],
    ['that is empty', () => ''],
  ])('%s is a gap, and all that is kept follows', (_name, id) => {
    const log = logOf(3);
    expect(read(log, id(log))).toEqual({ gap: 'restarted', terms: [1n, 2n, 3n] });
  });

  it('is no event', () => {
    const log = logOf(2);
    expect([log.at(0), log.at(3), log.at(-1), log.at(1.5)]).toEqual(Array(4).fill(undefined));
  });
});

describe('an event', () => {
  it('has an id, a time and what happened, in one line', () => {
    const log = new EventLog<EventBody>();
    const before = Date.now();
    log.append({
      kind: 'link',
      transceiver: 1,
      up: false,
      downs: (1n << 64n) - 1n,
      attachments: ['line\nbreak'],
    });
    const event = log.at(1)!;
    expect(event).toMatchObject({ id: `${log.run}-1`, kind: 'link' });
    expect(event.data).not.toContain('\n');
    const data = JSON.parse(event.data) as { time: string };
    expect(data).toEqual({
      event: `${log.run}-1`,
      time: expect.any(String),
      kind: 'link',
      transceiver: 1,
      up: false,
      downs: '0xffffffffffffffff',
      attachments: ['line\nbreak'],
    });
    expect(new Date(data.time).toISOString()).toBe(data.time);
    expect(Date.parse(data.time)).toBeGreaterThanOrEqual(before);
  });

  it('keeps its time, whenever it is read', async () => {
    const log = logOf(1);
    const first = log.at(1)!.data;
    await new Promise((resolve) => setImmediate(resolve));
    expect(log.at(1)!.data).toBe(first);
  });
});

describe('who comes back', () => {
  it('reads on exactly where it was, or is told that something is missing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 60 }),
        (keep, count, asked) => {
          const seen = Math.min(asked, count);
          const log = logOf(count, keep);
          const { gap, terms } = read(log, `${log.run}-${seen}`);
          const all = Array.from({ length: count }, (_, i) => BigInt(i + 1));
          // never fewer than promised, never without end
          expect(log.next - log.first).toBeGreaterThanOrEqual(Math.min(keep, count));
          expect(log.next - log.first).toBeLessThanOrEqual(keep * 1.25);
          expect(terms).toEqual(all.slice(gap === undefined ? seen : -terms.length || count));
          expect(gap).toBe(seen + 1 < log.first ? 'dropped' : undefined);
        },
      ),
    );
  });

  it('after a gap goes on from the id that stands for it', () => {
    const log = logOf(40, 4);
    const { next, gap } = log.after(`${log.run}-1`);
    expect(gap).toBe('dropped');
    expect(log.after(log.idBefore(next))).toEqual({ next, gap: undefined });
  });
});

describe('listeners', () => {
  it('are told once of all that happened in a turn, until they leave', async () => {
    const log = new EventLog<EventBody>();
    const told: number[] = [];
    const leave = log.subscribe(() => told.push(log.next - 1));
    log.append(body(1n));
    log.append(body(2n));
    expect(told).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual([2]);
    log.append(body(3n));
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual([2, 3]);
    leave();
    log.append(body(4n));
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual([2, 3]);
  });
});

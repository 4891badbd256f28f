import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Pair } from '../../../src/controller/synthesizer/ports.js';
import { SwitchWires, type PortSetter } from '../../../src/controller/synthesizer/switch-wires.js';

/** A switch that keeps what it is told, and how it was told. */
class Switch implements PortSetter {
  readonly connected = new Set<string>();
  readonly requests: string[] = [];
  /** Pairs that it refuses. */
  broken: Pair | undefined;

  async connect(pairs: readonly Pair[]): Promise<void> {
    this.requests.push(`+${pairs.map((pair) => pair.join('-')).join()}`);
    await Promise.resolve();
    if (pairs.some((pair) => pair.join() === this.broken?.join())) throw new Error('broken');
    for (const pair of pairs) this.connected.add(pair.join('-'));
  }

  async disconnect(pairs: readonly Pair[]): Promise<void> {
    this.requests.push(`-${pairs.map((pair) => pair.join('-')).join()}`);
    await Promise.resolve();
    for (const pair of pairs) this.connected.delete(pair.join('-'));
  }
}

test('what is asked for together goes in one request', async () => {
  const target = new Switch();
  const wires = new SwitchWires(target);
  await Promise.all([
    wires.take('a', [[1, 2]]),
    wires.take('b', [[3, 4]]),
    wires.take('c', [[1, 2]]),
  ]);
  expect(target.requests).toEqual(['+1-2,3-4']);
});

test('one that cannot be does not fail the others', async () => {
  const target = new Switch();
  target.broken = [3, 4];
  const wires = new SwitchWires(target);
  const [a, b] = await Promise.allSettled([wires.take('a', [[1, 2]]), wires.take('b', [[3, 4]])]);
  expect([a.status, b.status]).toEqual(['fulfilled', 'rejected']);
  expect([...target.connected]).toEqual(['1-2']);
});

test('what another needs stays, also if it asks while the first gives up', async () => {
  const target = new Switch();
  const wires = new SwitchWires(target);
  await wires.take('a', [[1, 2]]);
  await Promise.all([wires.leave('a', [[1, 2]]), wires.take('b', [[1, 2]])]);
  expect([...target.connected]).toEqual(['1-2']);
  await wires.leave('b', [[1, 2]]);
  expect([...target.connected]).toEqual([]);
  expect([...wires.used()]).toEqual([]);
});

test('after any interleaving exactly what is needed is connected', async () => {
  const pair = fc.constantFrom<Pair>([0, 1], [0, 2], [1, 2], [2, 3]);
  const step = fc.record({
    user: fc.constantFrom('a', 'b', 'c'),
    pair,
    take: fc.boolean(),
    wait: fc.integer({ min: 0, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const target = new Switch();
      const wires = new SwitchWires(target);
      const needed = new Map<string, Set<string>>();
      const running: Promise<void>[] = [];
      for (const { user, pair: ports, take, wait } of steps) {
        const users = needed.get(ports.join('-')) ?? new Set();
        needed.set(ports.join('-'), users);
        if (take) users.add(user);
        else users.delete(user);
        running.push(take ? wires.take(user, [ports]) : wires.leave(user, [ports]));
        for (let i = 0; i < wait; i++) await Promise.resolve();
      }
      await Promise.all(running);
      const wanted = [...needed].filter(([, users]) => users.size > 0).map(([key]) => key);
      expect([...target.connected].sort()).toEqual(wanted.sort());
    }),
  );
});

import { describe, expect, test } from 'vitest';
import { CommandQueue, type Turn } from '../../src/agent/queue.js';

function gate(): { open: () => void; passed: Promise<void> } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { open, passed };
}

describe('CommandQueue', () => {
  test('a command that throws does not stop the next', async () => {
    const queue = new CommandQueue();
    const failed = queue.run('a', 1000, () => Promise.reject(new Error('no')));
    const next = queue.run('b', 1000, () => Promise.resolve(2));
    await expect(failed).rejects.toThrow('no');
    await expect(next).resolves.toBe(2);
  });

  test('one at a time, in the order in which they came', async () => {
    const queue = new CommandQueue();
    const order: string[] = [];
    let running = 0;
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        queue.run(`c${i}`, 10_000, async () => {
          expect(++running).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          order.push(`c${i}`);
          running--;
        }),
      ),
    );
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => `c${i}`));
  });

  test('waiting has a deadline, and says what it waited for', async () => {
    const queue = new CommandQueue();
    const held = gate();
    const first = queue.run('attach a1', 1000, () => held.passed);
    const second = queue.run('detach a1', 5, () => Promise.resolve());
    await expect(second).rejects.toMatchObject({
      code: 'SDM_TIMEOUT',
      message: expect.stringMatching(/detach a1 waited 5 ms for attach a1/),
    });
    held.open();
    await first;
    await expect(queue.run('list', 5, () => Promise.resolve('ok'))).resolves.toBe('ok');
  });

  test('close waits for what runs and refuses the rest', async () => {
    const queue = new CommandQueue();
    const held = gate();
    let done = false;
    const first = queue.run('a', 1000, async () => {
      await held.passed;
      done = true;
    });
    const second = queue.run('b', 1000, () => Promise.resolve());
    const closed = queue.close().then(() => expect(done).toBe(true));
    await expect(second).rejects.toMatchObject({ code: 'SDM_STOPPING' });
    held.open();
    await Promise.all([first, closed]);
    await expect(queue.run('c', 1000, () => Promise.resolve())).rejects.toMatchObject({
      code: 'SDM_STOPPING',
    });
    await queue.close();
  });

  test('a turn that is given away goes to the next, and comes back after those that wait', async () => {
    const queue = new CommandQueue();
    const order: string[] = [];
    const written = gate();
    const first = queue.run('a', 1000, async (turn) => {
      order.push('a begins');
      expect(await turn.away(written.passed.then(() => 'safe'))).toBe('safe');
      order.push('a ends');
    });
    const held = gate();
    const second = queue.run('b', 1000, async () => {
      order.push('b begins');
      await held.passed;
      order.push('b ends');
    });
    const third = queue.run('c', 1000, () => {
      order.push('c');
      return Promise.resolve();
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['a begins', 'b begins']);
    written.open();
    held.open();
    await Promise.all([first, second, third]);
    expect(order).toEqual(['a begins', 'b begins', 'b ends', 'c', 'a ends']);
  });

  test('what was waited for with the turn away may fail: the command has its turn again', async () => {
    const queue = new CommandQueue();
    let running = 0;
    const task = async (turn: Turn): Promise<string> => {
      await turn.away(Promise.reject(new Error('disk full'))).catch(() => {});
      expect(++running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return 'ended';
    };
    const all = Array.from({ length: 8 }, (_, i) => queue.run(`c${i}`, 1000, task));
    expect(await Promise.all(all)).toEqual(Array(8).fill('ended'));
  });

  test('commands on one key never overlap, others do', async () => {
    const queue = new CommandQueue();
    const order: string[] = [];
    const written = gate();
    const task = (name: string) => async (turn: Turn) => {
      order.push(`${name} begins`);
      await turn.away(written.passed);
      order.push(`${name} ends`);
    };
    const all = [
      queue.run('a1', 1000, task('a1'), ['a']),
      queue.run('a2', 1000, task('a2'), ['a']),
      queue.run('b1', 1000, task('b1'), ['b']),
      queue.run('ab', 1000, task('ab'), ['a', 'b']),
    ];
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['a1 begins', 'b1 begins']);
    written.open();
    await Promise.all(all);
    expect(order).toEqual([
      ...['a1 begins', 'b1 begins', 'a1 ends', 'b1 ends'],
      ...['a2 begins', 'a2 ends', 'ab begins', 'ab ends'],
    ]);
  });

  test('who waits for a key has a deadline, and learns who has it', async () => {
    const queue = new CommandQueue();
    const held = gate();
    const first = queue.run('attach a1', 1000, (turn) => turn.away(held.passed), ['a1']);
    await expect(queue.run('detach a1', 5, () => Promise.resolve(), ['a1'])).rejects.toMatchObject({
      code: 'SDM_TIMEOUT',
      message: expect.stringMatching(/detach a1 waited 5 ms for attach a1/),
    });
    await expect(queue.run('attach b1', 5, () => Promise.resolve(1), ['b1'])).resolves.toBe(1);
    held.open();
    await first;
    await expect(queue.run('detach a1', 5, () => Promise.resolve(2), ['a1'])).resolves.toBe(2);
  });

  test('close waits for commands without their turn, and refuses who waits for a key', async () => {
    const queue = new CommandQueue();
    const held = gate();
    let done = false;
    const first = queue.run('a', 1000, (turn) => turn.away(held.passed).then(() => (done = true)), [
      'k',
    ]);
    const second = queue.run('b', 1000, () => Promise.resolve(), ['k']);
    const closed = queue.close().then(() => expect(done).toBe(true));
    await expect(second).rejects.toMatchObject({ code: 'SDM_STOPPING' });
    held.open();
    await Promise.all([first, closed]);
  });
});

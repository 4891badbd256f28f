import { describe, expect, test } from 'vitest';
import { CommandQueue } from '../../src/agent/queue.js';

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
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { commandBudgetMs } from '../../../src/agent/budget.js';
import { CommandQueue } from '../../../src/agent/queue.js';
import { pingInterval, Watchdog } from '../../../src/common/server/watchdog.js';
import { projectDir } from '../../../src/common/paths.js';
import { makeBrick } from '../../support/agent.js';
import { scratchDir } from '../../support/scratch.js';

const LOG = { debug() {}, info() {}, warn() {}, error() {} };

describe('what systemd asks for', () => {
  it.each(['', '0', '-1', '1.5', '1e9', 'soon', '99999999999999999999'])(
    'cannot be WATCHDOG_USEC=%j',
    (text) => {
      expect(() => pingInterval({ WATCHDOG_USEC: text }, 1)).toThrow(
        expect.objectContaining({ code: 'SDM_CONFIG' }),
      );
    },
  );

  it('is a sign of life twice in each interval', () => {
    expect(pingInterval({ WATCHDOG_USEC: '30000000' }, 1)).toBe(15_000);
    expect(pingInterval({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }, 1)).toBe(15_000);
    expect(pingInterval({ WATCHDOG_USEC: '1' }, 1)).toBe(1);
  });

  it('is nothing without it, or where another process was meant', () => {
    expect(pingInterval({}, 1)).toBeUndefined();
    expect(pingInterval({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '2' }, 1)).toBeUndefined();
  });
});

describe('the watchdog', () => {
  const env = { WATCHDOG_USEC: '30000000' };
  let said: string[];
  let errors: string[];
  let hangs: string | undefined;
  let status: string;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    [said, errors, hangs, status] = [[], [], undefined, 'well'];
  });
  afterEach(() => vi.useRealTimers());

  const watchdog = (over: { env?: Record<string, string>; sdNotify?: () => boolean } = {}) =>
    new Watchdog({
      native: { sdNotify: over.sdNotify ?? ((state) => said.push(state) > 0) },
      log: { ...LOG, error: (_fields: object, text: string) => void errors.push(text) },
      overdue: () => hangs,
      status: () => status,
      env: over.env ?? env,
    });

  it('asks for time to start, then is ready, then gives signs of life', () => {
    const dog = watchdog();
    dog.starting();
    vi.advanceTimersByTime(25_000);
    expect(said).toEqual(Array.from({ length: 3 }, () => 'EXTEND_TIMEOUT_USEC=30000000'));
    said.length = 0;
    dog.ready();
    expect(said).toEqual(['READY=1\nSTATUS=well', 'WATCHDOG=1']);
    vi.advanceTimersByTime(30_000);
    expect(said.slice(2)).toEqual(['WATCHDOG=1', 'WATCHDOG=1']);
  });

  it('does not ask for time to start forever', () => {
    watchdog().starting();
    vi.advanceTimersByTime(24 * 3_600_000);
    const asked = said.length;
    vi.advanceTimersByTime(24 * 3_600_000);
    expect(said).toHaveLength(asked);
  });

  it('says how the brick is when that changes', () => {
    watchdog().ready();
    said.length = 0;
    status = '1 attachment (256 MiB)';
    vi.advanceTimersByTime(30_000);
    expect(said).toEqual(['WATCHDOG=1\nSTATUS=1 attachment (256 MiB)', 'WATCHDOG=1']);
  });

  it('is silent while a command hangs, says so once, and goes on when it has ended', () => {
    watchdog().ready();
    said.length = 0;
    hangs = 'attach a1 hangs';
    vi.advanceTimersByTime(60_000);
    expect(said).toEqual([]);
    expect(errors).toEqual([expect.stringContaining('attach a1 hangs')]);
    hangs = undefined;
    vi.advanceTimersByTime(15_000);
    expect(said).toEqual(['WATCHDOG=1']);
  });

  it('gives no signs of life that nobody asked for', () => {
    watchdog({ env: {} }).ready();
    vi.advanceTimersByTime(3_600_000);
    expect(said).toEqual(['READY=1\nSTATUS=well']);
  });

  it('asks at its end for as much time as that may take, and is silent then', () => {
    const dog = watchdog();
    dog.ready();
    said.length = 0;
    dog.stopping(90_000);
    vi.advanceTimersByTime(60_000);
    expect(said).toEqual(['STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000']);
  });

  it('goes on where systemd cannot be told, but does not begin', () => {
    let broken = false;
    const dog = watchdog({
      sdNotify: () => {
        if (broken) throw new Error('gone');
        return true;
      },
    });
    dog.ready();
    broken = true;
    vi.advanceTimersByTime(60_000);
    dog.stopping(1);
    expect(() => dog.ready()).toThrow('gone');
  });
});

describe('a command that hangs', () => {
  it('is named once it keeps the turn for longer than its budget', async () => {
    const queue = new CommandQueue();
    let end = (): void => {};
    const work = new Promise<void>((resolve) => (end = resolve));
    const running = queue.run(
      'attach a1',
      1000,
      () => work,
      [],
      () => 0,
    );
    await vi.waitFor(() => expect(queue.overdue()).toMatch(/^attach a1 has been at work for/));
    end();
    await running;
    expect(queue.overdue()).toBeUndefined();
  });

  it('is not one that has given its turn away, however long that is', async () => {
    const queue = new CommandQueue();
    let end = (): void => {};
    const disk = new Promise<void>((resolve) => (end = resolve));
    let away = false;
    const running = queue.run(
      'attach a1',
      1000,
      async (turn) => {
        const waited = turn.away(disk);
        away = true;
        await waited;
      },
      [],
      () => 0,
    );
    await vi.waitFor(() => expect(away).toBe(true));
    expect(queue.overdue()).toBeUndefined();
    end();
    await running;
  });

  it('has a budget that grows with its size and with the deadlines it was given', () => {
    const GIB = 1n << 30n;
    expect(commandBudgetMs(64n * GIB, 0)).toBeGreaterThan(commandBudgetMs(GIB, 0));
    expect(commandBudgetMs(GIB, 3_600_000)).toBeGreaterThan(3_600_000);
  });
});

/** Node has no datagram sockets of this family: Python listens and prints each message as a line. */
const LISTEN = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(60)
print(json.dumps('listening'), flush=True)
while True:
    print(json.dumps(s.recv(4096).decode()), flush=True)
`;

describe('an agent under systemd', () => {
  const scratch = scratchDir('watchdog');

  it('says that it is ready, alive, and stopping', async () => {
    const socket = join(scratch, 'notify');
    const listener = spawn('python3', ['-c', LISTEN, socket], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: listener.stdout })[Symbol.asyncIterator]();
    const next = async (wanted: RegExp): Promise<string> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`the listener ended before ${wanted}`);
        const message = JSON.parse(value as string) as string;
        if (wanted.test(message)) return message;
      }
    };
    const brick = await makeBrick();
    await next(/listening/);
    const agent = spawn(join(projectDir(), 'bin/sdm-agent'), ['serve', '--config', brick.config], {
      stdio: 'ignore',
      env: { ...process.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000' },
    });
    try {
      await next(/^EXTEND_TIMEOUT_USEC=\d+$/);
      expect(await next(/^READY=1/)).toBe('READY=1\nSTATUS=0 attachments, 4 of 4 links up');
      await next(/^WATCHDOG=1$/);
      await brick.run('attach', '--mode', 'device', '--size', '4M');
      expect(await next(/STATUS=/)).toContain('1 attachment (4 MiB)');
      const ended = once(agent, 'exit');
      agent.kill('SIGTERM');
      await next(/^STOPPING=1\nEXTEND_TIMEOUT_USEC=\d+$/);
      expect(await ended).toEqual([0, null]);
    } finally {
      agent.kill('SIGKILL');
      listener.kill();
      await brick.remove();
    }
  });
});

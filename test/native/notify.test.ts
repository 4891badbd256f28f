import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { native } from '../../src/native/index.js';
import { any, makeScratch, thrown } from './support.js';

const scratch = makeScratch();
const before = process.env.NOTIFY_SOCKET;

afterEach(() => {
  if (before === undefined) delete process.env.NOTIFY_SOCKET;
  else process.env.NOTIFY_SOCKET = before;
});

/** Node has no datagram sockets of this family: Python listens, prints one message and ends. */
const LISTEN = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind('\\0' + name[1:] if name[0] == '@' else name)
s.settimeout(20)
print('listening', flush=True)
print(s.recv(4096).decode(), flush=True)
`;

describe('sdNotify', () => {
  test('refuses a state that cannot be', () => {
    for (const state of [undefined, 1, {}, null]) {
      thrown(() => native.sdNotify(any(state)), 'SDM_INPUT', TypeError);
    }
    for (const state of ['', 'READY=1\0', 'x'.repeat(5000)]) {
      thrown(() => native.sdNotify(state), 'SDM_INPUT');
    }
  });

  test('does nothing without a socket', () => {
    delete process.env.NOTIFY_SOCKET;
    expect(native.sdNotify('READY=1')).toBe(false);
    process.env.NOTIFY_SOCKET = '';
    expect(native.sdNotify('READY=1')).toBe(false);
  });

  test('refuses an address that cannot be', () => {
    for (const address of ['@', '/', 'run/notify', `/${'x'.repeat(108)}`]) {
      process.env.NOTIFY_SOCKET = address;
      thrown(() => native.sdNotify('READY=1'), 'SDM_INPUT');
    }
  });

  test('says when nobody listens', () => {
    process.env.NOTIFY_SOCKET = join(scratch, 'nobody');
    const error = thrown(() => native.sdNotify('READY=1'), 'SDM_SYSTEM');
    expect(error).toMatchObject({ errnoName: 'ENOENT', syscall: 'sendto' });
  });

  test.each([
    ['a path', join(scratch, 'notify')],
    ['an abstract name', `@sdm-test-${process.pid}`],
  ])('sends to %s', async (_what, address) => {
    const listener = spawn('python3', ['-c', LISTEN, address], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    listener.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    await once(listener.stdout, 'data');
    process.env.NOTIFY_SOCKET = address;
    expect(native.sdNotify('READY=1\nSTATUS=läuft')).toBe(true);
    await once(listener, 'close');
    expect(output).toBe('listening\nREADY=1\nSTATUS=läuft\n');
  });
});

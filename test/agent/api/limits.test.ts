import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServer, type Server } from '../../../src/agent/api/server.js';
import { createLog } from '../../../src/common/log.js';
import { FakeCore } from './fake-core.js';

let dir: string;
let server: Server;
let core: FakeCore;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-limits-'));
  core = new FakeCore();
  server = await createServer(
    { brick: 'b', agent: core, probe: () => Promise.reject(new Error('not here')) },
    createLog('test', 'silent'),
    { headersTimeout: 100, requestTimeout: 200 },
  );
  await server.app.listen({ path: join(dir, 's') });
});
afterEach(async () => {
  await server.app.close();
  rmSync(dir, { recursive: true });
});

/** Sends bytes, then nothing; gives all that comes back until the other side closes. */
function talk(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(join(dir, 's'), () => socket.write(text));
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`not closed within 20 s; so far: ${answer}`));
    }, 20_000);
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
    socket.on('error', () => {}); // closed on us while we wrote: what counts is the answer
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}

const bodyOf = (answer: string): unknown => JSON.parse(answer.split('\r\n\r\n')[1] ?? '');

describe('what is no request', () => {
  it('is refused in the one form of errors', async () => {
    const answer = await talk('hello\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(bodyOf(answer)).toMatchObject({ code: 'SDM_INPUT' });
  });

  it('is refused with headers that are too long', async () => {
    const answer = await talk(
      `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(bodyOf(answer)).toMatchObject({ code: 'SDM_TOO_LARGE' });
  });
});

describe('a client that is slow', () => {
  it('with its headers is refused', async () => {
    const answer = await talk('POST /v1/attachments HTTP/1.1\r\nHost: x\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(bodyOf(answer)).toMatchObject({ code: 'SDM_SLOW' });
  });

  it('with its body is refused, and nothing is done', async () => {
    const answer = await talk(
      'POST /v1/attachments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
        'Content-Length: 20\r\n\r\n{"size":',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(bodyOf(answer)).toMatchObject({ code: 'SDM_SLOW' });
    expect(core.commands).toEqual([]);
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Qmp } from '../../src/rack/qmp.js';
import { serveQmp, type QmpAnswer, type QmpRequest } from '../support/fake-qmp.js';

let scratch: string;
let path: string;
let stop: (() => Promise<void>) | undefined;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sdm-qmp-'));
  path = join(scratch, 'qmp.sock');
});
afterEach(async () => {
  await stop?.();
  stop = undefined;
  rmSync(scratch, { recursive: true });
});

async function serve(answer: QmpAnswer, greeting?: string): Promise<void> {
  stop = await serveQmp(path, answer, greeting);
}

describe('QMP client', () => {
  it('says that nobody is there', async () => {
    await expect(Qmp.open(path)).rejects.toMatchObject({ code: 'SDM_UNREACHABLE' });
  });

  it('does not wait for ever for a greeting', async () => {
    await serve(() => {}, '');
    await expect(Qmp.open(path, 50)).rejects.toMatchObject({ code: 'SDM_TIMEOUT' });
  });

  it('gives up on what is no QMP', async () => {
    await serve(() => {}, 'SSH-2.0\n');
    await expect(Qmp.open(path)).rejects.toMatchObject({ code: 'SDM_UNREACHABLE' });
  });

  it('tells answers apart, whatever their order and the events between them', async () => {
    const requests: QmpRequest[] = [];
    await serve((request, socket) => {
      requests.push(request);
      if (requests.length < 2) return;
      socket.write('{"event": "STOP", "timestamp": {}}\r\n');
      for (const { id, execute } of requests.reverse()) {
        const text = `{"return": "${execute}", "id": ${id}}\r\n`;
        socket.write(text.slice(0, 9));
        socket.write(text.slice(9));
      }
    });
    const qmp = await Qmp.open(path);
    expect(await Promise.all([qmp.execute('one'), qmp.execute('two')])).toEqual(['one', 'two']);
    qmp.close();
  });

  it('passes a refusal on in words', async () => {
    await serve(({ id }, socket) => {
      socket.write(`{"id": ${id}, "error": {"class": "GenericError", "desc": "not now"}}\r\n`);
    });
    const qmp = await Qmp.open(path);
    await expect(qmp.execute('device_del')).rejects.toMatchObject({
      code: 'SDM_RACK_QEMU',
      message: 'QEMU refuses device_del: not now (GenericError)',
    });
    qmp.close();
  });

  it('fails what waits, and what comes later, when the connection is lost', async () => {
    await serve((_request, socket) => socket.destroy());
    const qmp = await Qmp.open(path);
    const lost = expect.objectContaining({ code: 'SDM_UNREACHABLE' });
    await expect(qmp.execute('quit')).rejects.toEqual(lost);
    await expect(qmp.execute('quit')).rejects.toEqual(lost);
  });

  it('has a deadline for each command', async () => {
    await serve(() => {});
    const qmp = await Qmp.open(path);
    await expect(qmp.execute('query-status', {}, 50)).rejects.toMatchObject({
      code: 'SDM_TIMEOUT',
    });
    qmp.close();
  });
});

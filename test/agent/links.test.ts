import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fromBuffer, REG } from '../../src/abi/codec.js';
import { setLink } from '../../src/rack/registers.js';
import { makeBrick, type Brick } from '../support/agent.js';
import { EventReader } from '../support/events.js';
import { metric, parseMetrics } from '../support/prometheus.js';
import { fetchText } from '../support/text.js';

// Processes take their time on a busy machine; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

let brick: Brick;
const readers: EventReader[] = [];
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
  await brick.remove();
});

/** An agent that serves, and a reader of its events. */
async function begin(config: object = {}): Promise<EventReader> {
  brick = await makeBrick({ config: { linkTimeoutMs: 200, linkPollMs: 20, ...config } });
  await brick.start();
  return follow();
}

function follow(): EventReader {
  const reader = new EventReader(brick.socket);
  readers.push(reader);
  return reader;
}

const attach = (id: string, outId?: string) =>
  brick.ask({
    method: 'POST',
    path: '/v1/attachments',
    body: { id, mode: 'device', size: '0x200000', outId },
  });

const linkOf = async (id: string): Promise<unknown> =>
  ((await brick.ask({ path: `/v1/attachments/${id}` })).body as { link?: string }).link;

const linkReset = (): bigint => readFileSync(brick.registers).readBigUInt64LE(REG.LINK_RESET);

/** What the logic does when a reset is done. */
function clearReset(): void {
  const fd = openSync(brick.registers, 'r+');
  writeSync(fd, Buffer.alloc(8), 0, 8, REG.LINK_RESET);
  closeSync(fd);
}

describe('a link that is down', () => {
  it('carries nothing new: refused in linkTimeoutMs, and nothing is left', async () => {
    await begin();
    await setLink(brick.registers, 1, false);
    const { status, body } = await attach('a', '0x1');
    expect({ status, body }).toMatchObject({
      status: 503,
      body: {
        code: 'SDM_LINK_DOWN',
        message: expect.stringContaining('transceiver 1'),
        details: { transceiver: 1, waitedMs: 200, undone: true },
      },
    });
    expect((await brick.ask({ path: '/v1/attachments' })).body).toEqual({ attachments: [] });
    expect(brick.setMemports()).toEqual([]);
    // of its own accord an attach goes over one that is up
    expect(await attach('b')).toMatchObject({ status: 201, body: { outId: '0x0', link: 'up' } });
  });

  it('is waited for, and used when it comes up in time', async () => {
    await begin({ linkTimeoutMs: 60_000 });
    await setLink(brick.registers, 1, false);
    const attaching = attach('a', '0x1');
    await expect
      .poll(async () => (await brick.ask({ path: '/v1/attachments/a' })).status, {
        timeout: 20_000,
      })
      .toBe(200);
    await setLink(brick.registers, 1, true);
    expect(await attaching).toMatchObject({ status: 201, body: { state: 'present', link: 'up' } });
  });

  it('does not keep its attachments from being given back', async () => {
    const events = await begin();
    await attach('a', '0x1');
    await setLink(brick.registers, 1, false);
    await events.next('link');
    const { status } = await brick.ask({ method: 'DELETE', path: '/v1/attachments/a' });
    expect(status).toBe(200);
    expect(brick.setMemports()).toEqual([]);
  });
});

describe('a link that goes down', () => {
  it('marks its attachments and nobody else, everywhere, until it is up again', async () => {
    const events = await begin();
    await attach('a', '0x1');
    await attach('b', '0x2');
    await attach('c', '0x5');

    await setLink(brick.registers, 1, false);
    expect(await events.next('link')).toMatchObject({
      transceiver: 1,
      up: false,
      downs: '0x1',
      attachments: ['a', 'c'],
    });
    expect([await linkOf('a'), await linkOf('b'), await linkOf('c')]).toEqual([
      'down',
      'up',
      'down',
    ]);
    const health = (await brick.ask({ path: '/healthz' })).body;
    expect(health).toMatchObject({
      status: 'ok',
      problems: [{ about: 'link', text: expect.stringMatching(/transceiver 1 is down.*a, c/) }],
    });
    const metrics = parseMetrics(await fetchText(brick.socket, '/metrics'));
    expect(metric(metrics, 'sdm_link_up', { transceiver: '1' })).toBe(0);
    expect(metric(metrics, 'sdm_link_up', { transceiver: '2' })).toBe(1);
    expect(metric(metrics, 'sdm_link_downs_total', { transceiver: '1' })).toBe(1);
    expect(metric(metrics, 'sdm_events_total', { kind: 'link' })).toBe(1);
    expect((await brick.run('list')).stdout).toMatch(/^a .* local +down /m);
    expect((await brick.run('transceiver', 'list')).stdout).toMatch(/^1 +down +1 +0, 2 +a, c$/m);

    await setLink(brick.registers, 1, true);
    expect(await events.next('link')).toMatchObject({ transceiver: 1, up: true, downs: '0x1' });
    expect(await linkOf('a')).toBe('up');
    expect((await brick.ask({ path: '/healthz' })).body).toMatchObject({ problems: [] });
    expect(await attach('d', '0x1')).toMatchObject({ status: 201 });
  });

  it('comes back after a reset that the other side carries out', async () => {
    const events = await begin();
    await setLink(brick.registers, 2, false);
    expect(await events.next('link')).toMatchObject({ transceiver: 2, up: false });
    expect((await brick.run('transceiver', 'reset', '2')).stdout).toBe(
      'reset transceiver 2: link down\n',
    );
    expect(linkReset()).toBe(0b100n);
    clearReset();
    await setLink(brick.registers, 2, true);
    expect(await events.next('link')).toMatchObject({ transceiver: 2, up: true });
  });

  it('and up again between two looks is seen by its counter', async () => {
    const events = await begin({ linkPollMs: 1_000 });
    await attach('a', '0x3');
    await setLink(brick.registers, 3, false);
    await setLink(brick.registers, 3, true);
    expect(await events.next('link')).toMatchObject({
      transceiver: 3,
      up: true,
      downs: '0x1',
      attachments: ['a'],
    });
  });

  it('while the block is overwritten with garbage does not take the agent along', async () => {
    const events = await begin();
    const fd = openSync(brick.registers, 'r+');
    const bytes = Buffer.alloc(8 * 16, 0xa5);
    writeSync(fd, bytes, 0, 8, REG.LINK_STATUS);
    writeSync(fd, bytes, 0, bytes.length, REG.LINK_DOWNS);
    closeSync(fd);
    expect((await events.next('link')).downs).toBe('0xa5a5a5a5a5a5a5a5');
    expect((await brick.ask({ path: '/v1/transceivers' })).status).toBe(200);
    parseMetrics(await fetchText(brick.socket, '/metrics'));
    expect(fromBuffer(readFileSync(brick.registers)).header.ntransceivers).toBe(4);
  });
});

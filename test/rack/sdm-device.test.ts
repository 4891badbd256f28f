import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rackLayout, type BrickLayout } from '../../src/rack/layout.js';
import { deviceAttachedBytes, setDeviceLink } from '../../src/rack/sdm-device.js';
import { serveQmp } from '../support/fake-qmp.js';

const GIB = 1n << 30n;

let scratch: string;
let brick: BrickLayout;
let stop: (() => Promise<void>) | undefined;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sdm-device-'));
  brick = rackLayout('r0', scratch).brick(1);
  mkdirSync(brick.dir, { recursive: true });
});
afterEach(async () => {
  await stop?.();
  stop = undefined;
  rmSync(scratch, { recursive: true });
});

/** A QEMU whose devices are these; gives the commands that it gets besides the query. */
async function qemu(devices: unknown): Promise<unknown[]> {
  const commands: unknown[] = [];
  stop = await serveQmp(brick.qmpSocket, ({ execute, arguments: args, id }, socket) => {
    if (execute !== 'query-sdm-memory') commands.push([execute, args]);
    const answer = execute === 'query-sdm-memory' ? devices : {};
    socket.write(`${JSON.stringify({ return: answer, id })}\r\n`);
  });
  return commands;
}

const memport = (size: bigint, status: string): object => ({ size: Number(size), status, port: 1 });
const DEVICE = {
  device: 'memports',
  memports: [],
  transceivers: [
    { up: true, downs: 0 },
    { up: false, downs: 3 },
  ],
};

describe('what memports of a patched QEMU map', () => {
  it('is the sum of those that are active, of the brick’s own device', async () => {
    const memports = [memport(GIB, 'active'), memport(GIB, 'link'), memport(2n * GIB, 'active')];
    const other = { ...DEVICE, device: 'mine', memports: [memport(GIB, 'active')] };
    await qemu([other, { ...DEVICE, memports }]);
    expect(await deviceAttachedBytes(brick)).toBe(3n * GIB);
  });

  it.each([
    ['there is no such device', []],
    ['the answer is another one', [{ device: 'memports', memports: 7 }]],
  ])('is not known where %s', async (_what, devices) => {
    await qemu(devices);
    expect(await deviceAttachedBytes(brick)).toBeUndefined();
  });

  it('is not known where nobody answers', async () => {
    expect(await deviceAttachedBytes(brick)).toBeUndefined();
  });
});

describe('a link of a patched QEMU', () => {
  it('is set where it is not yet so', async () => {
    const commands = await qemu([DEVICE]);
    expect(await setDeviceLink(brick, 0, true)).toBe(false);
    expect(await setDeviceLink(brick, 1, false)).toBe(false);
    expect(commands).toEqual([]);
    expect(await setDeviceLink(brick, 0, false)).toBe(true);
    expect(await setDeviceLink(brick, 1, true)).toBe(true);
    expect(commands).toEqual([
      ['sdm-link-set', { device: 'memports', transceiver: 0, up: false }],
      ['sdm-link-set', { device: 'memports', transceiver: 1, up: true }],
    ]);
  });

  it.each([
    [[DEVICE], 'has 2: 0 to 1'],
    [[], 'has none'],
  ])('that there is not, is refused', async (devices, message) => {
    const commands = await qemu(devices);
    await expect(setDeviceLink(brick, 2, true)).rejects.toMatchObject({
      code: 'SDM_INPUT',
      message: expect.stringContaining(message),
    });
    expect(commands).toEqual([]);
  });

  it('of a QEMU that answers something else is refused with a sentence', async () => {
    await qemu([{ ...DEVICE, transceivers: 'all' }]);
    await expect(setDeviceLink(brick, 0, true)).rejects.toMatchObject({
      code: 'SDM_RACK_QEMU',
      message: expect.stringContaining('/0/transceivers'),
    });
  });
});

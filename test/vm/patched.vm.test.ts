import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Brick } from '../../src/agent/api/brick-schema.js';
import type { AttachBody, Attachment, Memport } from '../../src/agent/api/schemas.js';
import { waitFor } from '../../src/common/wait.js';
import { findFilledPages } from '../../src/demo/pool-pages.js';
import type { Rack } from '../../src/rack/index.js';
import { GuestApi, guestApiProgram } from '../support/guest-api.js';
import {
  BUILD_MS,
  deviceOf,
  mapInBrick,
  WINDOW_BAR,
  whileExposed,
  windowProgram,
} from '../support/patched.js';
import {
  COMMAND_MS,
  expectCleanKernelLog,
  holdInBrick,
  inBrick,
  poolIsZero,
  testRack,
} from '../support/rack.js';
import { expectNothingAttached } from '../support/remote-memory.js';
import { scratchDir } from '../support/scratch.js';

const MIB = 1n << 20n;
const GIB = 1n << 30n;
const BRICKS = [1, 2] as const;
const DEVICE_FILE = '/dev/sdm-window';
/** What both bricks have, in the part of the pool that they share. */
const SHARED = { remote: 32n * MIB, size: 32n * MIB };

let rack: Rack;
/** Where the window is, the same in both. */
let window: bigint;
/** Of the bricks' agents, from brick 1 on. */
const apis: GuestApi[] = [];

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const api = (n: number): GuestApi => apis[n - 1]!;
const attach = (n: number, body: AttachBody): Promise<Attachment> => api(n).attach(body);
const attachShared = (n: number, start: bigint): Promise<Attachment> =>
  attach(n, {
    ...{ id: 'shared', mode: 'device', shared: true, start: hex(start) },
    ...{ size: hex(SHARED.size), remote: hex(SHARED.remote) },
  });
/** Where each brick sees what they share. */
const places = (): readonly [bigint, bigint] => [window + 8n * GIB, window + 41n * GIB + 6n * MIB];
const fill = ({ device, size }: Attachment, seed: number, how: 'write' | 'check'): string =>
  `memfill --device ${device?.path} --offset ${device?.offset} --size ${BigInt(size)} ` +
  `--seed ${seed} --${how}`;
/** The shares of brick 1 that no other brick has: from, to. */
const ownShare = (): { start: bigint; end: bigint } => {
  const own = rack.state().bricks[0]?.shares.find((share) => !share.shared);
  const start = BigInt(own?.start ?? 0);
  return { start, end: start + BigInt(own?.size ?? 0) };
};

async function poolWord(at: bigint): Promise<bigint> {
  const file = await open(rack.poolPath, 'r');
  try {
    const word = Buffer.alloc(8);
    await file.read(word, 0, 8, Number(at));
    return word.readBigUInt64LE();
  } finally {
    await file.close();
  }
}

const scratch = scratchDir('patched');
beforeAll(async () => {
  rack = await testRack('patched', {
    qemu: 'patched',
    extra: [await windowProgram(scratch), guestApiProgram()],
  });
  apis.push(...BRICKS.map((n) => new GuestApi(rack, n)));
  window = BigInt((await deviceOf(rack, 1))['window-base']);
}, BUILD_MS);
afterAll(() => rack?.down());

describe('a brick on our QEMU', () => {
  it('has memports that translate, and the agent finds nothing wrong with that', async () => {
    const { stdout } = await rack.exec(1, 'sdm-agent probe --json', { timeoutMs: COMMAND_MS });
    const brick = JSON.parse(stdout) as Brick;
    expect(brick).toMatchObject({
      verdict: 'usable',
      registers: { translation: true, windowBase: hex(window), windowSize: hex(64n * GIB) },
      pool: { at: 'remote', size: hex(4n * GIB) },
    });
    expect(brick.advice.filter(({ about }) => about === 'isolation')).toEqual([]);
    expect(await rack.status()).toMatchObject({
      state: 'running',
      qemu: 'patched',
      bricks: BRICKS.map(() => ({ attached: '0x0' })),
    });
  });

  it('sees the same part of the pool as another one, at an address of its own', async () => {
    const at = 0x1238n;
    const starts = places();
    const [one, two] = [await attachShared(1, starts[0]), await attachShared(2, starts[1])];
    expect([one.start, two.start]).toEqual(starts.map(hex));
    for (const n of BRICKS) {
      expect((await deviceOf(rack, n)).memports).toMatchObject([
        { status: 'active', start: Number(starts[n - 1]), remote: Number(SHARED.remote) },
      ]);
    }
    await inBrick(rack, 1, fill(one, 7, 'write'));
    await inBrick(rack, 2, fill(two, 7, 'check'));
    await inBrick(rack, 2, fill(two, 8, 'write'));
    await inBrick(rack, 1, fill(one, 8, 'check'));

    const [a, b] = await Promise.all(
      [one, two].map(({ device }, i) =>
        mapInBrick(rack, i + 1, DEVICE_FILE, device!.offset, 0x4000),
      ),
    );
    expect(await a!.ask(`write ${at} 0x1111`)).toBe('ok');
    expect(await b!.ask(`read ${at} 8`)).toBe('0x1111');
    expect(await b!.ask(`write ${at} 0x2222`)).toBe('ok');
    expect(await a!.ask(`read ${at} 8`)).toBe('0x2222');
    expect(await poolWord(SHARED.remote + at)).toBe(0x2222n);
    // and it is memory like any other
    expect(await a!.ask('odd 0 0x3ff0')).toBe('ok');
    expect([await a!.end(), await b!.end()]).toEqual([0, 0]);
    expect((await rack.status()).bricks).toMatchObject(
      BRICKS.map(() => ({ attached: hex(SHARED.size) })),
    );
  });

  it('is shown by the monitor of its QEMU: memports, regions, and memory behind them', async () => {
    for (const n of BRICKS) {
      const start = places()[n - 1]!.toString(16);
      const shown = await rack.monitor(n, 'info sdm');
      expect(shown).toMatch(/target pool: brick 0 and all others, 0x100000000 bytes/);
      expect(shown).toMatch(
        new RegExp(`memport 0: active, 0x2000000 bytes at 0x${start} -> 0x2000000 of pool,`),
      );
      const regions = await rack.monitor(n, 'info mtree');
      const row = new RegExp(`0*${start}-\\w+ .*memory-backend-remote0 `);
      expect(regions).toMatch(row);
      expect(await rack.monitor(n, 'info memdev')).toMatch(
        /memory backend: pool\s+size: +4294967296\s/,
      );
    }
  });

  it('has parts of the pool side by side that lie apart there', async () => {
    const { start, end } = ownShare();
    const size = 4n * MIB;
    // the last first, and none beside its neighbour
    const remotes = [end - size, start + 514n * MIB, start + 2n * MIB, start + 1026n * MIB];
    const pieces: Attachment[] = [];
    for (const [i, remote] of remotes.entries()) {
      const place = { start: hex(window + 16n * GIB + BigInt(i) * size), remote: hex(remote) };
      pieces.push(await attach(1, { id: `p${i}`, mode: 'device', size: hex(size), ...place }));
    }
    await inBrick(rack, 1, pieces.map((piece, i) => fill(piece, 20 + i, 'write')).join(' && '));
    await inBrick(rack, 1, pieces.map((piece, i) => fill(piece, 20 + i, 'check')).join(' && '));
    for (const [i, remote] of remotes.entries()) {
      await findFilledPages(rack.poolPath, [{ start: remote, size }], {
        seed: BigInt(20 + i),
        pages: Number(size / 4096n),
      });
    }
    for (const { id } of pieces) await api(1).detach(id);
    for (const remote of remotes) expect(await poolIsZero(rack, remote, size)).toBe(true);
  });

  it.each(BRICKS)(
    'reaches nothing that no memport maps, not even where the kernel lets a program map it: brick %i',
    async (n) => {
      const beyond = { start: places()[n - 1]! + SHARED.size, size: 2n * MIB };
      await whileExposed(rack, n, beyond, async () => {
        const at = beyond.start - window;
        const map = await mapInBrick(rack, n, DEVICE_FILE, at, Number(beyond.size));
        for (const line of [
          'read 0 8',
          'write 8 1',
          'read 0x1fffff 1',
          'odd 0 0x10000',
          'read 0 8',
        ]) {
          expect([line, await map.ask(line)]).toEqual([line, 'SIGBUS']);
        }
        expect(await map.end()).toBe(0);
      });
      // the module keeps the BAR to itself
      await expect(mapInBrick(rack, n, WINDOW_BAR, beyond.start - window, 4096)).rejects.toThrow(
        'EINVAL',
      );
      expect(await api(n).attachments()).toMatchObject([{ id: 'shared', state: 'present' }]);
      await expectCleanKernelLog(rack, n);
    },
  );
});

describe('what the device refuses', () => {
  it('comes as the code that the ABI gives it, with the agent’s error', async () => {
    const { start } = ownShare();
    await rack.link(1, 3, false);
    const set = (at: bigint, remote: bigint, { outId = 0n, query = '' } = {}) =>
      [
        'PUT',
        `/v1/memports/9${query}`,
        { start: hex(at), size: hex(2n * MIB), remote: hex(remote), outId: hex(outId) },
      ] as const;
    const override = { query: '?override=true' };
    const link = { outId: 7n };
    const place = window + 20n * GIB;
    const cases = [
      [set(window + 64n * GIB, start), 'window'],
      [set(window - 2n * MIB, start), 'window'],
      [set(window + 8n * GIB + 16n * MIB, start), 'overlap'],
      [set(place, 4n * GIB, override), 'remote'],
      [set(place, 4n * GIB - MIB, override), 'alignment'],
      [set(place + MIB, start), 'alignment'],
      [set(place, start, link), 'link'],
    ] as const;
    for (const [request, status] of cases) {
      expect({ request, ...(await api(1).request(...request)) }).toMatchObject({
        request,
        body: { code: 'SDM_MEMPORT_REFUSED', details: { statusName: status } },
      });
      expect((await deviceOf(rack, 1)).memports.find(({ port }) => port === 9)).toMatchObject({
        status,
      });
    }
    await rack.link(1, 3, true);
    // and by the command, which says the same
    const { stdout } = await rack.exec(
      1,
      `sdm-agent memport set 9 --json --start ${hex(place + MIB)} --size 2M --remote ${hex(start)}`,
      { timeoutMs: COMMAND_MS },
    );
    expect(JSON.parse(stdout)).toMatchObject({ details: { statusName: 'alignment' } });
    expect(await api(1).request(...set(place, start, link))).toMatchObject({
      status: 200,
      body: { set: true, statusName: 'active' },
    });
    expect(await api(1).request('DELETE', '/v1/memports/9')).toMatchObject({
      status: 200,
      body: { set: false },
    });
  });
});

describe('a link that is pulled while memory is attached over it', () => {
  it('cuts that memory and no other, counts, and is restored with all its bytes', async () => {
    const attachment = await attach(1, {
      ...{ id: 'cut', mode: 'device', size: hex(4n * MIB), outId: '0x2' },
    });
    const memport = async (): Promise<Memport> => (await api(1).memports())[attachment.memport]!;
    const map = await mapInBrick(rack, 1, DEVICE_FILE, attachment.device!.offset, 0x10000);
    const other = await mapInBrick(rack, 1, DEVICE_FILE, hex(8n * GIB), 0x1000);
    expect(await map.ask('write 0x8008 0xfeed')).toBe('ok');
    expect((await memport()).faults).toBe('0x0');

    expect(await rack.link(1, 2, false)).toBe(true);
    expect(await rack.link(1, 2, false)).toBe(false);
    expect(await map.ask('read 0x8008 8')).toBe('SIGBUS');
    expect(await map.ask('write 0x8008 0xdead')).toBe('SIGBUS');
    expect(await other.ask('read 0 8')).toMatch(/^0x/);
    // the agent sees it, and so does who asks QEMU
    expect(await memport()).toMatchObject({ set: true, statusName: 'active' });
    expect(BigInt((await memport()).faults)).toBeGreaterThanOrEqual(2n);
    expect((await api(1).transceivers())[2]).toMatchObject({
      up: false,
      downs: '0x1',
      attachments: ['cut'],
    });
    expect((await api(1).attachments()).find(({ id }) => id === 'cut')).toMatchObject({
      state: 'present',
      link: 'down',
    });
    const device = await deviceOf(rack, 1);
    expect(device.transceivers[2]).toMatchObject({ up: false, downs: 1 });
    expect(device.memports.find(({ port }) => port === attachment.memport)).toMatchObject({
      status: 'active',
      faults: Number((await memport()).faults),
    });

    expect(await rack.link(1, 2, true)).toBe(true);
    expect(await map.ask('read 0x8008 8')).toBe('0xfeed');
    expect((await api(1).transceivers())[2]).toMatchObject({ up: true, downs: '0x1' });
    // the agent may tell of it a moment later than the registers
    const told = async (): Promise<unknown[] | undefined> => {
      const events = await api(1).linkEvents(2);
      return events.length >= 2 ? events : undefined;
    };
    expect(await waitFor('events of the link', told, { timeoutMs: COMMAND_MS })).toEqual([
      false,
      true,
    ]);
    expect([await map.end(), await other.end()]).toEqual([0, 0]);
    await api(1).detach('cut');
    await expectCleanKernelLog(rack, 1);
  });
});

describe('system RAM', () => {
  it('comes into nodes 1 and 2, is used, and goes while a program uses it', async () => {
    const { end } = ownShare();
    // far apart in the pool, and not in the order of the window
    const size = hex(256n * MIB);
    const one = await attach(1, { id: 'one', size, remote: hex(end - 256n * MIB) });
    const two = await attach(1, { id: 'two', size, node: 2 });
    await inBrick(
      rack,
      1,
      'memfill --node 1 --size 128M --seed 3 && memfill --node 2 --size 128M --seed 4 && ' +
        'mkdir -p /tmp/far && mount -t tmpfs -o mpol=bind:1,size=8M none /tmp/far && ' +
        'dd if=/dev/zero of=/tmp/far/file bs=1M count=2 2>/dev/null',
    );
    // pages of node 1, mapped as any file is
    const map = await mapInBrick(rack, 1, '/tmp/far/file', 0, 2 << 20);
    expect(await map.ask('odd 1 0x100000')).toBe('ok');
    expect(await map.ask('read 0x3fff 8')).toMatch(/^0/);
    expect(await map.end()).toBe(0);
    await inBrick(rack, 1, 'umount /tmp/far');

    const churn = await holdInBrick(rack, 1, `memchurn --node 2 --size ${64n * MIB}`);
    expect(await api(1).detach('two')).toMatchObject({ state: 'free' });
    expect(await churn.release()).toBe(0);
    expect(await api(1).detach('one')).toMatchObject({ state: 'free' });
    for (const { remote } of [one, two]) {
      expect(await poolIsZero(rack, BigInt(remote), 256n * MIB)).toBe(true);
    }
    await expectCleanKernelLog(rack, 1);
  });
});

describe('a brick whose QEMU is killed', () => {
  it('takes no byte with it, and begins with no memport set', async () => {
    const [one] = await api(1).attachments();
    await inBrick(rack, 1, fill(one!, 9, 'write'));
    process.kill((await rack.status()).bricks[1]!.pid!, 'SIGKILL');
    await waitFor(
      'brick 2 to be seen as dead',
      async () => ((await rack.status()).state === 'degraded' ? true : undefined),
      { timeoutMs: 20_000 },
    );
    expect((await rack.status()).bricks).toMatchObject([
      { state: 'running', attached: hex(SHARED.size) },
      { state: 'dead', attached: null },
    ]);
    await expect(rack.link(2, 0, false)).rejects.toMatchObject({ code: 'SDM_RACK_BRICK' });
    await inBrick(rack, 1, fill(one!, 9, 'check'));

    await rack.boot(2);
    apis[1] = new GuestApi(rack, 2);
    await expectNothingAttached(rack, 2);
    const two = await attachShared(2, window + 3n * GIB);
    await inBrick(rack, 2, fill(two, 9, 'check'));
    for (const n of BRICKS) {
      await api(n).detach('shared');
      expect(await api(n).end()).toBe(0);
      await expectNothingAttached(rack, n);
      await expectCleanKernelLog(rack, n);
    }
  });

  it('leaves nothing with its rack', async () => {
    const { layout } = rack;
    await rack.down();
    expect([layout.dir, layout.shmDir].filter((path) => existsSync(path))).toEqual([]);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { place, type PlacementSpace, type Span } from '../../../src/agent/attachments/placement.js';
import { normalise, type NormalRequest } from '../../../src/agent/attachments/record.js';
import type { RegisterBlockInfo } from '../../../src/native/types.js';

const MIB = 1n << 20n;
const GIB = 1n << 30n;

function info(over: Partial<RegisterBlockInfo> = {}): RegisterBlockInfo {
  return {
    version: 1,
    features: 0n,
    nports: 32,
    windowBase: 512n * GIB,
    windowSize: 4n * GIB,
    remoteSize: 4n * GIB,
    granule: 2n * MIB,
    ntransceivers: 0,
    passive: true,
    ...over,
  };
}

function space(over: Partial<PlacementSpace> = {}): PlacementSpace {
  return {
    info: info(),
    poolSize: 4n * GIB,
    blockSize: 128n * MIB,
    shares: [
      { start: 2n * MIB, size: 126n * MIB, shared: true },
      { start: 128n * MIB, size: 1920n * MIB, shared: false },
    ],
    local: [],
    remote: [],
    ...over,
  };
}

const TRANSLATION = info({ features: 1n, windowBase: 16n * GIB, granule: 256n * MIB });

function ram(size: bigint, over: Partial<NormalRequest> = {}): NormalRequest {
  return { ...normalise({ mode: 'system-ram', size }, 1), ...over };
}

function device(size: bigint, over: Partial<NormalRequest> = {}): NormalRequest {
  return { ...normalise({ mode: 'device', size }, 1), ...over };
}

describe('what a controller names on a network', () => {
  const used: Span = { start: 0n, end: 8n * MIB, memport: 0, controller: true, outId: 8n };
  const remote = space({
    ...{ info: TRANSLATION, poolKind: 'remote', controller: true, shares: [], remote: [used] },
  });
  const at = (outId: bigint | undefined) => device(256n * MIB, { remote: 0n, outId });

  test('may lie at the same address of another memory brick, from its first byte on', () => {
    expect(place(at(16n), remote)).toMatchObject({ remote: 0n });
  });

  test.each([
    ['over the same network id', at(8n), remote, 'SDM_RANGE_TAKEN'],
    ['without one', at(undefined), remote, 'SDM_RANGE_TAKEN'],
    [
      'what people have there',
      at(16n),
      { ...remote, remote: [{ ...used, controller: false }] },
      'SDM_RANGE_TAKEN',
    ],
    ['in a pool on this machine', at(16n), { ...remote, poolKind: 'bar' as const }, 'SDM_NOT_OURS'],
    [
      'twice in a pool on this machine',
      device(256n * MIB, { remote: 256n * MIB, outId: 16n }),
      {
        ...remote,
        poolKind: 'file' as const,
        remote: [{ ...used, start: 256n * MIB, end: 512n * MIB }],
      },
      'SDM_RANGE_TAKEN',
    ],
  ])('is refused %s', (_, request, where, code) => {
    expect(() => place(request, where)).toThrow(expect.objectContaining({ code }));
  });
});

describe('requests that no place fits', () => {
  test.each([
    ['nothing', ram(0n), 'SDM_INPUT'],
    ['less than nothing', ram(-128n * MIB), 'SDM_INPUT'],
    ['a part of a block', ram(64n * MIB), 'SDM_INPUT'],
    ['a part of a granule', device(MIB), 'SDM_INPUT'],
    ['shared system RAM', ram(128n * MIB, { shared: true }), 'SDM_INPUT'],
    ['more than the share', ram(4n * GIB), 'SDM_NO_SPACE'],
    ['more than the shared share', device(128n * MIB, { shared: true }), 'SDM_NO_SPACE'],
    ['the header', device(2n * MIB, { remote: 0n }), 'SDM_NOT_OURS'],
    ['the header, shared', device(2n * MIB, { remote: 0n, shared: true }), 'SDM_NOT_OURS'],
    ['a shared range as its own', device(2n * MIB, { remote: 4n * MIB }), 'SDM_NOT_OURS'],
    ['another brick', device(2n * MIB, { remote: 3n * GIB }), 'SDM_NOT_OURS'],
    ['the end of the share', ram(256n * MIB, { remote: 1920n * MIB }), 'SDM_NOT_OURS'],
    ['no multiple of the granule', device(2n * MIB, { remote: 129n * MIB }), 'SDM_INPUT'],
    ['no multiple of the block', ram(128n * MIB, { remote: 130n * MIB }), 'SDM_INPUT'],
  ])('%s', (_, request, code) => {
    expect(() => place(request, space())).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    [
      4096,
      128n * MIB,
      ram(64n * MIB),
      '128 MiB (a memory block of this kernel, with its pages of 4 KiB)',
    ],
    [
      65536,
      512n * MIB,
      ram(256n * MIB),
      '512 MiB (a memory block of this kernel, with its pages of 64 KiB)',
    ],
    [
      16384,
      32n * MIB,
      ram(16n * MIB),
      '32 MiB (a memory block of this kernel, with its pages of 16 KiB)',
    ],
    [
      65536,
      512n * MIB,
      ram(512n * MIB, { start: 512n * GIB + 256n * MIB, remote: 256n * MIB }),
      '0x20000000 (a memory block of this kernel, with its pages of 64 KiB)',
    ],
    [65536, 512n * MIB, device(MIB), '2 MiB here'],
  ])(
    'pages of %i, blocks of %i: both are named where they are why',
    (pageSize, blockSize, request, named) => {
      expect(() => place(request, space({ pageSize, blockSize }))).toThrow(
        expect.objectContaining({ code: 'SDM_INPUT', message: expect.stringContaining(named) }),
      );
    },
  );

  test.each([
    ['no shares at all', [], false, /^this agent has no shares: add them to `shares` in its conf/],
    [
      'no shared share',
      [{ start: 128n * MIB, size: 1920n * MIB, shared: false }],
      true,
      /^this agent has no shared shares: add one with "shared": true to `shares`/,
    ],
  ])('%s', (_, shares, shared, message) => {
    expect(() => place(device(2n * MIB, { shared }), space({ shares }))).toThrow(
      expect.objectContaining({ code: 'SDM_NO_SPACE', message: expect.stringMatching(message) }),
    );
  });

  test('a remote range in use', () => {
    const remote = [{ start: 256n * MIB, end: 258n * MIB, memport: 7 }];
    expect(() => place(device(4n * MIB, { remote: 254n * MIB }), space({ remote }))).toThrow(
      expect.objectContaining({
        code: 'SDM_RANGE_TAKEN',
        message: expect.stringContaining('which memport 7 has in use'),
      }),
    );
  });

  test('without translation a local range in use is one, too', () => {
    const local = [{ start: 512n * GIB + 256n * MIB, end: 512n * GIB + 258n * MIB }];
    expect(() => place(device(2n * MIB, { remote: 256n * MIB }), space({ local }))).toThrow(
      expect.objectContaining({ code: 'SDM_RANGE_TAKEN' }),
    );
  });
});

describe('first fit', () => {
  test('starts at the first own share, at the same offset in the window', () => {
    expect(place(ram(GIB), space())).toEqual({
      start: 512n * GIB + 128n * MIB,
      remote: 128n * MIB,
    });
  });

  test('goes over what is in use and takes a gap', () => {
    const remote = [
      { start: 128n * MIB, end: 130n * MIB },
      { start: 384n * MIB, end: 640n * MIB },
    ];
    expect(place(ram(128n * MIB), space({ remote })).remote).toBe(256n * MIB);
    expect(place(ram(256n * MIB), space({ remote })).remote).toBe(640n * MIB);
    expect(place(device(2n * MIB), space({ remote })).remote).toBe(130n * MIB);
  });

  test('never uses the header, even of a share that starts at 0', () => {
    const shares = [{ start: 0n, size: GIB, shared: false }];
    expect(place(device(2n * MIB), space({ shares })).remote).toBe(2n * MIB);
    expect(place(ram(128n * MIB), space({ shares })).remote).toBe(128n * MIB);
  });

  test('ends where the pool does, whatever share and registers say', () => {
    const shares = [{ start: GIB, size: 8n * GIB, shared: false }];
    const small = space({ shares, poolSize: 2n * GIB });
    expect(place(ram(GIB), small).remote).toBe(GIB);
    expect(() => place(ram(GIB + 128n * MIB), small)).toThrow(
      expect.objectContaining({ code: 'SDM_NO_SPACE' }),
    );
  });

  test('with translation window and pool are filled apart', () => {
    const local = [{ start: 16n * GIB, end: 17n * GIB }];
    const placed = place(
      device(256n * MIB),
      space({
        info: TRANSLATION,
        local,
        shares: [{ start: GIB, size: GIB, shared: false }],
      }),
    );
    expect(placed).toEqual({ start: 17n * GIB, remote: GIB });
  });

  test('with translation the window can be full', () => {
    const local = [{ start: 16n * GIB, end: 20n * GIB }];
    expect(() => place(ram(256n * MIB), space({ info: TRANSLATION, local }))).toThrow(
      expect.objectContaining({ code: 'SDM_NO_SPACE' }),
    );
  });
});

const WINDOW = 512n * GIB;
const NO_ALIGNMENT = { alignment: false, remoteOverlap: true };
const NO_OVERLAP = { alignment: true, remoteOverlap: false };
const NEITHER = { alignment: false, remoteOverlap: false };

describe('logic with a window of 64 GiB over a pool of 4 GiB', () => {
  const logic = space({
    info: info({ features: 0xfn, windowSize: 64n * GIB, passive: false }),
    // not a multiple of a memory block: only local ranges have to be
    shares: [{ start: 130n * MIB, size: 2n * GIB, shared: false }],
  });

  /** Places one after the other, each of which the next ones see. */
  function placeAll(
    requests: readonly NormalRequest[],
    around = logic,
  ): ReturnType<typeof place>[] {
    let now = around;
    return requests.map((request) => {
      const found = place(request, now);
      const span = (start: bigint): Span => ({ start, end: start + request.size });
      now = {
        ...now,
        local: [...now.local, span(found.start)].sort((a, b) => Number(a.start - b.start)),
        remote: [...now.remote, span(found.remote)].sort((a, b) => Number(a.start - b.start)),
      };
      return found;
    });
  }

  test('several at once: local ranges go by memory blocks, remote ones by granules', () => {
    const size = 128n * MIB;
    const base = 512n * GIB;
    expect(placeAll([ram(size), device(2n * MIB), ram(2n * size), ram(size)])).toEqual([
      { start: base, remote: 130n * MIB },
      { start: base + size, remote: 258n * MIB },
      { start: base + 2n * size, remote: 260n * MIB },
      { start: base + 4n * size, remote: 516n * MIB },
    ]);
  });

  test('the same remote range at two local addresses, where that is not refused', () => {
    const size = 128n * MIB;
    const remote = 400n * MIB;
    const twice = [ram(size, { remote }), device(size, { remote })];
    expect(() => placeAll(twice)).toThrow(expect.objectContaining({ code: 'SDM_RANGE_TAKEN' }));
    const checks = { alignment: true, remoteOverlap: false };
    expect(placeAll(twice, { ...logic, checks })).toEqual([
      { start: 512n * GIB, remote },
      { start: 512n * GIB + size, remote },
    ]);
  });

  test('up to the end of the window, and not beyond', () => {
    const last = 576n * GIB - 128n * MIB;
    expect(place(ram(128n * MIB, { start: last }), logic).start).toBe(last);
    expect(() => place(ram(256n * MIB, { start: last }), logic)).toThrow(
      expect.objectContaining({ code: 'SDM_INPUT' }),
    );
  });
});

describe('a local address that no place fits', () => {
  const translated = {
    info: TRANSLATION,
    shares: [{ start: GIB, size: GIB, shared: false }],
  };

  test.each<[string, NormalRequest, Partial<PlacementSpace>, string, RegExp]>([
    ['below the window', device(2n * MIB, { start: WINDOW - 2n * MIB }), {}, 'SDM_INPUT', /before/],
    [
      'above the window',
      device(256n * MIB, { start: 20n * GIB }),
      translated,
      'SDM_INPUT',
      /start 0x500000000-0x50fffffff is not in the window of this brick, 0x400000000-0x4ffffffff/,
    ],
    [
      'across its end',
      device(512n * MIB, { start: 20n * GIB - 256n * MIB }),
      translated,
      'SDM_INPUT',
      /not in the window/,
    ],
    [
      'past a granule',
      device(256n * MIB, { start: 16n * GIB + MIB }),
      translated,
      'SDM_INPUT',
      /is 0x100000 past a multiple of 0x10000000/,
    ],
    [
      'past a memory block',
      ram(128n * MIB, { start: WINDOW + 130n * MIB }),
      {},
      'SDM_INPUT',
      /is 0x200000 past a multiple of 0x8000000/,
    ],
    ['the header', device(2n * MIB, { start: WINDOW }), {}, 'SDM_NOT_OURS', /header/],
    ['no share', device(2n * MIB, { start: WINDOW + 3n * GIB }), {}, 'SDM_NOT_OURS', /own share/],
    [
      'in use',
      device(4n * MIB, { start: WINDOW + 254n * MIB }),
      { local: [{ start: WINDOW + 256n * MIB, end: WINDOW + 258n * MIB, memport: 7 }] },
      'SDM_RANGE_TAKEN',
      /which memport 7 has in use/,
    ],
    [
      'in use, with translation',
      device(256n * MIB, { start: 16n * GIB }),
      { ...translated, local: [{ start: 16n * GIB, end: 17n * GIB }] },
      'SDM_RANGE_TAKEN',
      /the kernel/,
    ],
    [
      'that contradicts remote',
      device(2n * MIB, { start: WINDOW + 256n * MIB, remote: 258n * MIB }),
      {},
      'SDM_INPUT',
      /do not translate, so remote is start - 0x8000000000, which is 0x10000000/,
    ],
  ])('%s', (_, request, over, code, message) => {
    expect(() => place(request, space(over))).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  test.each([
    ['a page', device(4096n, { start: WINDOW + 256n * MIB + 512n })],
    ['a size in pages', device(4097n, { start: WINDOW + 256n * MIB })],
    ['a memory block', ram(128n * MIB, { start: WINDOW + 130n * MIB })],
  ])('past %s, which the kernel needs whatever is not checked', (_, request) => {
    expect(() => place(request, space({ checks: NEITHER }))).toThrow(
      expect.objectContaining({ code: 'SDM_INPUT' }),
    );
  });
});

describe('a local address that is asked for', () => {
  const shares = [{ start: GIB, size: 2n * GIB, shared: false }];

  test('without translation settles remote', () => {
    const start = WINDOW + 256n * MIB;
    const expected = { start, remote: 256n * MIB };
    expect(place(ram(128n * MIB, { start }), space())).toEqual(expected);
    expect(place(ram(128n * MIB, { start, remote: 256n * MIB }), space())).toEqual(expected);
  });

  test('with translation goes with any remote', () => {
    const start = 17n * GIB;
    const from = space({ info: TRANSLATION, shares });
    expect(place(device(256n * MIB, { start }), from)).toEqual({ start, remote: GIB });
    expect(place(device(256n * MIB, { start, remote: 2n * GIB }), from)).toEqual({
      start,
      remote: 2n * GIB,
    });
  });

  test.each([
    ['alignment', NO_ALIGNMENT, GIB + 1n],
    ['overlap', NO_OVERLAP, GIB],
    ['both', NEITHER, GIB + 1n],
  ])('may lead to what the checks would refuse, where they are off: %s', (_, checks, remote) => {
    const inUse = checks.remoteOverlap ? [] : [{ start: GIB, end: 2n * GIB, memport: 0 }];
    const over = { info: TRANSLATION, shares, remote: inUse };
    const request = device(256n * MIB, { start: 16n * GIB, remote });
    expect(place(request, space({ ...over, checks }))).toEqual({ start: 16n * GIB, remote });
    expect(() => place(request, space(over))).toThrow();
  });

  test('keeps to shares and window whatever is not checked', () => {
    const over = { info: TRANSLATION, shares, checks: NEITHER };
    const code = 'SDM_NOT_OURS';
    for (const remote of [GIB - 1n, 3n * GIB - 256n * MIB + 1n, 1n]) {
      const request = device(256n * MIB, { start: 16n * GIB, remote });
      expect(() => place(request, space(over))).toThrow(expect.objectContaining({ code }));
    }
    const request = device(256n * MIB, { start: 20n * GIB - 4096n, remote: GIB });
    expect(() => place(request, space(over))).toThrow(
      expect.objectContaining({ code: 'SDM_INPUT' }),
    );
  });

  test('what is chosen is aligned and apart, whatever is not checked', () => {
    const remote = [{ start: GIB, end: GIB + 4096n }];
    const local = [{ start: 16n * GIB, end: 16n * GIB + 4096n }];
    const over = { info: TRANSLATION, shares, local, remote, checks: NEITHER };
    expect(place(device(4096n), space(over))).toEqual({
      start: 16n * GIB + 256n * MIB,
      remote: GIB + 256n * MIB,
    });
  });
});

function overlap(a: Span, b: Span): boolean {
  return a.start < b.end && b.start < a.end;
}

describe('whatever is asked for', () => {
  const request = fc.record({
    mode: fc.constantFrom('system-ram' as const, 'device' as const),
    granules: fc.integer({ min: 1, max: 300 }),
    shared: fc.boolean(),
    remote: fc.option(fc.integer({ min: 0, max: 2047 })),
    free: fc.option(fc.integer({ min: 0, max: 20 })),
  });

  test.each([
    ['identity', info()],
    ['translation', { ...TRANSLATION, granule: 2n * MIB }],
  ])('ranges never overlap, and lie where they may: %s', (_, block) => {
    const shares = [
      { start: 0n, size: 256n * MIB, shared: true },
      { start: 384n * MIB, size: 500n * MIB, shared: false },
      { start: GIB, size: 2n * GIB, shared: false },
    ];
    fc.assert(
      fc.property(fc.array(request, { maxLength: 40 }), (requests) => {
        const placed: { local: Span; remote: Span; shared: boolean }[] = [];
        for (const { mode, granules, shared, remote, free } of requests) {
          if (free !== null && placed.length > 0) placed.splice(free % placed.length, 1);
          const unit = mode === 'system-ram' ? 128n * MIB : 2n * MIB;
          const size = ((BigInt(granules) * 2n * MIB + unit - 1n) / unit) * unit;
          const asked = {
            ...normalise({ mode, size, shared }, 1),
            remote: remote === null ? undefined : BigInt(remote) * 2n * MIB,
          };
          let found;
          try {
            found = place(
              asked,
              space({
                info: block,
                shares,
                local: placed.map((p) => p.local),
                remote: placed.map((p) => p.remote),
              }),
            );
          } catch {
            continue;
          }
          const local = { start: found.start, end: found.start + size };
          const far = { start: found.remote, end: found.remote + size };
          expect(placed.some((p) => overlap(p.local, local) || overlap(p.remote, far))).toBe(false);
          expect(
            shares.some(
              (s) => s.shared === shared && s.start <= far.start && far.end <= s.start + s.size,
            ),
          ).toBe(true);
          expect(far.start).toBeGreaterThanOrEqual(block.granule);
          expect(local.start).toBeGreaterThanOrEqual(block.windowBase);
          expect(local.end).toBeLessThanOrEqual(block.windowBase + block.windowSize);
          expect(local.start % unit).toBe(0n);
          expect(far.start % block.granule).toBe(0n);
          if (block.features === 0n) expect(local.start - block.windowBase).toBe(far.start);
          if (asked.remote !== undefined) expect(far.start).toBe(asked.remote);
          placed.push({ local, remote: far, shared });
        }
      }),
      { numRuns: 300 },
    );
  });
});

import { describe, expect, it } from 'vitest';
import { generateGraph, type GenerateOptions } from '../../../src/controller/inventory/generate.js';
import { isRefusal, ReservationCore } from '../../../src/controller/reservation/core.js';
import type {
  Refusal,
  Reservation,
  ReserveRequest,
} from '../../../src/controller/reservation/types.js';

const SMALL: Partial<GenerateOptions> = {
  boxes: 2,
  compute: 2,
  memory: 2,
  islands: 2,
  cores: 4,
  localMemory: 1024,
  memports: 4,
  segments: 8,
  transceivers: 2,
  uplinks: 2,
};
const NOTHING: ReserveRequest = { segments: 0, pathUtil: 0, policy: 'nearest' };

function coreOf(options: Partial<GenerateOptions> = {}): ReservationCore {
  return new ReservationCore(generateGraph({ ...SMALL, ...options }));
}

function granted(core: ReservationCore, request: Partial<ReserveRequest>): Reservation {
  const answer = core.reserve({ ...NOTHING, ...request });
  if (isRefusal(answer)) throw new Error(JSON.stringify(answer));
  return answer;
}

function refused(core: ReservationCore, request: Partial<ReserveRequest>): Refusal {
  const before = core.snapshot();
  const answer = core.reserve({ ...NOTHING, ...request });
  if (!isRefusal(answer)) throw new Error(`granted: ${JSON.stringify(answer)}`);
  expect(core.snapshot()).toEqual(before);
  if (answer.nearest !== undefined) expect(core.explain(answer.nearest)).toBe('fits');
  return answer;
}

const throws = (code: string) => expect.objectContaining({ code });

describe('requests that no site could grant', () => {
  it.each<Partial<ReserveRequest>>([
    { segments: -1 },
    { segments: 1.5 },
    { segments: Number.NaN },
    { segments: 2 ** 31 },
    { cores: -1 },
    { localMemory: 0.5 },
    { pathUtil: 101 },
    { policy: 'furthest' as never },
    { policy: 'constructor' as never },
    { compute: 4 },
    { compute: -1 },
    { compute: 0, island: 2 },
    { island: 0 },
    { memory: -1 },
    { memory: 10, localAtMost: -1 },
  ])('are an error: %j', (request) => {
    const core = coreOf();
    const before = core.snapshot();
    expect(() => core.reserve({ ...NOTHING, ...request })).toThrow(throws('SDM_INPUT'));
    expect(core.snapshot()).toEqual(before);
  });
});

describe('a refusal says what ran out', () => {
  it('cores, of one coherent island', () => {
    const answer = refused(coreOf(), { cores: 5 });
    expect(answer).toMatchObject({
      resource: 'cores',
      where: { kind: 'site' },
      asked: 5,
      found: 4,
    });
    expect(answer.nearest?.cores).toBe(4);
  });

  it('cores of the island that a platform grows on', () => {
    const core = coreOf();
    granted(core, { compute: 1, island: 0, cores: 3 });
    expect(refused(core, { compute: 1, island: 0, cores: 2 })).toMatchObject({
      resource: 'cores',
      where: { kind: 'compute', compute: 1 },
      found: 1,
    });
    expect(granted(core, { compute: 1, island: 1, cores: 2 }).island).toBe(1);
  });

  it('local memory', () => {
    const answer = refused(coreOf(), { localMemory: 1025 });
    expect(answer).toMatchObject({ resource: 'local-memory', asked: 1025, found: 1024 });
    expect(answer.nearest?.localMemory).toBe(1024);
  });

  it('segments of the site', () => {
    const answer = refused(coreOf({ memports: 16 }), { segments: 33 });
    expect(answer).toMatchObject({ resource: 'segments', asked: 33, found: 32 });
    expect(answer.nearest?.segments).toBe(32);
  });

  it('segments of the box, and that another box has some', () => {
    const core = coreOf();
    const answer = refused(core, { segments: 17, policy: 'same-box' });
    expect(answer).toMatchObject({ resource: 'segments', where: { kind: 'box' }, found: 16 });
    expect(answer.nearest?.policy).toBe('nearest');
  });

  it('the path, and how much it has left', () => {
    const core = coreOf({ transceivers: 1, rackSwitch: 'none' });
    granted(core, { compute: 0, segments: 1, pathUtil: 70 });
    const answer = refused(core, { compute: 0, segments: 1, pathUtil: 50 });
    expect(answer).toMatchObject({ asked: 50, found: 30, where: { kind: 'compute', compute: 0 } });
    expect(['path', 'transceiver']).toContain(answer.resource);
    expect(answer.nearest?.pathUtil).toBe(30);
  });

  it('memports', () => {
    const core = coreOf({ memports: 1 });
    granted(core, { compute: 0, segments: 1 });
    expect(refused(core, { compute: 0, segments: 1 })).toMatchObject({
      resource: 'memports',
      where: { kind: 'compute', compute: 0 },
      found: 0,
    });
  });

  it('the combination, where each is there but not together', () => {
    const core = coreOf({ boxes: 1 });
    for (const island of [0, 1]) granted(core, { compute: 0, island, cores: 4 });
    granted(core, { compute: 1, localMemory: 1024 });
    expect(refused(core, { cores: 2, localMemory: 512 }).resource).toBe('combination');
  });

  it('nothing of a brick that may not be used', () => {
    const core = coreOf({ boxes: 1 });
    core.setComputeUsable(0, false);
    core.setComputeUsable(1, false);
    expect(refused(core, { cores: 1 })).toMatchObject({ resource: 'cores', found: 0 });
    core.setComputeUsable(1, true);
    expect(granted(core, { cores: 1, segments: 2 }).compute).toBe(1);
    core.setMemoryUsable(0, false);
    core.setMemoryUsable(1, false);
    expect(refused(core, { segments: 1 })).toMatchObject({ resource: 'segments', found: 0 });
  });
});

describe('what is asked for as memory', () => {
  it('is local as far as that goes, and the rest whole segments', () => {
    const core = coreOf();
    expect(granted(core, { memory: 1000 })).toMatchObject({ localMemory: 1000, runs: [] });
    const answer = granted(core, { memory: 1500, compute: 2 });
    expect(answer.localMemory).toBe(1024);
    expect(answer.runs.map(({ count }) => count)).toEqual([2]);
  });

  it('is remote beyond what may be local', () => {
    const answer = granted(coreOf(), { memory: 1024, localAtMost: 512 });
    expect(answer.localMemory).toBe(512);
    expect(answer.runs.map(({ count }) => count)).toEqual([2]);
  });

  it('takes what local memory is left where none has it all', () => {
    const core = coreOf({ boxes: 1 });
    granted(core, { compute: 0, localMemory: 1000 });
    granted(core, { compute: 1, localMemory: 500 });
    const answer = granted(core, { memory: 1024 });
    expect(answer.compute).toBe(1);
    expect(answer.localMemory).toBe(524);
    expect(answer.runs.map(({ count }) => count)).toEqual([2]);
  });
});

describe('what was not reserved', () => {
  it('is not released, and nothing of it', () => {
    const core = coreOf();
    const one = granted(core, { cores: 2, localMemory: 100, segments: 3, pathUtil: 10 });
    const two = granted(core, { compute: one.compute, segments: 2, pathUtil: 10 });
    const before = core.snapshot();
    const [run] = one.runs;
    for (const wrong of [
      { ...one, runs: [{ ...run!, count: 30 }] },
      { ...one, runs: [run!, run!] },
      { ...one, runs: [{ ...run!, path: 500 }] },
      { ...one, paths: [{ ...one.paths[0]!, util: 30 }] },
      { ...one, localMemory: 101 },
      { ...one, cores: 3 },
    ]) {
      expect(() => core.release(wrong)).toThrow(throws('SDM_INTERNAL'));
      expect(core.snapshot()).toEqual(before);
    }
    expect(() => core.release(one, { runs: [1] })).toThrow(throws('SDM_INTERNAL'));
    core.release(one);
    expect(() => core.release(one)).toThrow(throws('SDM_INTERNAL'));
    core.release(two);
    expect(core.snapshot()).toEqual(coreOf().snapshot());
  });

  it('is not restored over something else, and nothing of it', () => {
    const core = coreOf({ boxSwitch: 'optical', rackSwitch: 'none' });
    const one = granted(core, { compute: 0, cores: 4, segments: 3, pathUtil: 60 });
    const before = core.snapshot();
    const [path] = one.paths;
    const [hop] = path!.hops;
    const [run] = one.runs;
    for (const wrong of [
      one,
      { ...one, compute: 9 },
      { ...one, runs: [], paths: [], cores: 0, localMemory: 2000 },
      { ...one, cores: 0, runs: [{ ...run!, first: 6 }] },
      { ...one, cores: 0, runs: [{ ...run!, first: 4 }], paths: [{ ...path!, util: 41 }] },
      { ...one, cores: 0, runs: [{ ...run!, first: 4 }], paths: [{ ...path!, hops: [] }] },
      {
        ...one,
        cores: 0,
        runs: [{ ...run!, first: 4 }],
        paths: [{ ...path!, hops: [hop!, hop!] }],
      },
      {
        ...one,
        cores: 0,
        runs: [{ ...run!, first: 4, path: 1 }],
        paths: [{ ...path!, id: 1, computeTransceiver: 1, hops: [{ ...hop!, in: hop!.in + 1 }] }],
      },
      { ...one, cores: 0, runs: [{ ...run!, first: 4 }], paths: [path!, path!] },
      { ...one, cores: 0, runs: [], paths: [path!] },
    ]) {
      expect(() => core.restore(wrong)).toThrow(throws('SDM_CONFLICT'));
      expect(core.snapshot()).toEqual(before);
    }
  });

  it('is not clean, and what is in use not dirty', () => {
    const core = coreOf();
    const { runs } = granted(core, { segments: 2 });
    const { memory, first, count } = runs[0]!;
    expect(() => core.clean(memory, first, count)).toThrow(throws('SDM_CONFLICT'));
    expect(() => core.markDirty(memory, first + 1, 2)).toThrow(throws('SDM_CONFLICT'));
    expect(() => core.quarantine(memory, 7, 2)).toThrow(throws('SDM_INPUT'));
    core.check();
  });
});

describe('a segment is free only when nothing keeps it', () => {
  it('whichever of scrub, quarantine and owner ends last', () => {
    const core = coreOf({ boxes: 1, memory: 1 });
    const fresh = core.snapshot();
    const made = granted(core, { segments: 4 });
    const { memory, first, count } = made.runs[0]!;
    const free = (): number => core.totals().segmentsFree;
    core.quarantine(memory, first, 2);
    core.quarantine(memory, first, 2);
    core.release(made, { dirty: true });
    expect(free()).toBe(4);
    core.unquarantine(memory, first, 1);
    expect(free()).toBe(4);
    core.clean(memory, first, count);
    expect(free()).toBe(7);
    core.check();
    core.unquarantine(memory, first + 1, 1);
    core.unquarantine(memory, first + 1, 1);
    expect(core.snapshot()).toEqual(fresh);
  });

  it('and is restored where it was quarantined meanwhile', () => {
    const core = coreOf();
    const made = granted(core, { segments: 4, pathUtil: 5 });
    const { memory, first } = made.runs[0]!;
    const other = coreOf();
    other.quarantine(memory, first, 2);
    other.restore(made);
    other.check();
    core.quarantine(memory, first, 2);
    expect(other.snapshot()).toEqual(core.snapshot());
  });
});

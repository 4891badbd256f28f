import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LENDER_FAULT_POINTS } from '../../../src/agent/lender/faults.js';
import { segmentsOf, runOfRange } from '../../../src/agent/lender/runs.js';
import type { Grant } from '../../../src/agent/lender/types.js';
import { memoryDir } from '../../support/scratch.js';
import { asking, BASE, SEGMENT, World } from './world.js';

const directory = memoryDir('lender-random');
const SEGMENTS = 6;
const IDS = ['a', 'b', 'c', 'd'];
const GEOMETRY = { base: BASE, size: BigInt(SEGMENTS) * SEGMENT, segmentSize: SEGMENT };

type Op =
  | { kind: 'put'; id: string; first: number; count: number; shared: boolean; region?: string }
  | { kind: 'drop'; id: string; retain: boolean }
  | { kind: 'scrub'; region: string };

const id = fc.constantFrom(...IDS);
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 5, arbitrary: putting() },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('drop' as const), id, retain: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('scrub' as const), region: id }) },
);

function putting(): fc.Arbitrary<Op> {
  const whole = {
    kind: fc.constant('put' as const),
    id,
    first: fc.integer({ min: 0, max: SEGMENTS - 1 }),
    count: fc.integer({ min: 1, max: 3 }),
    shared: fc.boolean(),
    region: id,
  };
  return fc.record(whole, { requiredKeys: ['kind', 'id', 'first', 'count', 'shared'] });
}

/** What is asked at the same time, and where the lender dies meanwhile. */
const round = fc.record({
  ops: fc.array(op, { minLength: 1, maxLength: 4 }),
  dieAt: fc.option(fc.constantFrom(...LENDER_FAULT_POINTS), { nil: undefined, freq: 2 }),
});

/** What those who were answered know. */
class Model {
  readonly world: World;
  /** Grants by id; what was not answered is not here until it is looked at. */
  grants = new Map<string, Grant>();
  /** What was written to segments by their borrowers; by no means the lender's. */
  readonly stamps = new Map<number, number>();
  /** What those bytes were called. */
  readonly regions = new Map<number, string>();
  #next = 1;

  constructor(world: World) {
    this.world = world;
  }

  async run(each: Op): Promise<void> {
    if (each.kind === 'put') {
      const { id, first, count, shared, region } = each;
      const request = asking(first, Math.min(count, SEGMENTS - first), {
        shared,
        ...(region === undefined ? {} : { region }),
      });
      const before = this.world.states();
      const { grant, created } = await this.world.put(id, request);
      if (created) this.#granted(grant, before);
    } else if (each.kind === 'drop') {
      await this.world.drop(each.id, each.retain);
      this.grants.delete(each.id);
    } else {
      await this.world.lender.scrub({ region: each.region }, { owner: 'local' });
    }
  }

  /** Nobody else's bytes are there: zero, or those of its region. Then its borrower writes. */
  #granted(grant: Grant, before: readonly string[]): void {
    for (const segment of segmentsIn(grant)) {
      const others = [...this.grants.values()].some((other) => segmentsIn(other).includes(segment));
      const found = this.world.read(segment);
      if (others) expect(grant.shared).toBe(true);
      // What was clean may meanwhile have been another's who kept it for this region.
      else if (before[segment] === 'clean') {
        const kept = this.regions.get(segment) === grant.region ? this.stamps.get(segment) : 0;
        expect([0, kept]).toContain(found);
      }
      this.#stamp(segment);
      this.regions.set(segment, grant.region);
    }
    this.grants.set(grant.id, grant);
  }

  #stamp(segment: number): void {
    this.#next = (this.#next % 255) + 1;
    this.world.write(segment, this.#next);
    this.stamps.set(segment, this.#next);
  }

  /** After a life: what was answered holds, and nothing is lent twice. */
  check(touched: ReadonlySet<string>): void {
    const { lender } = this.world;
    const now = new Map(lender.grants().map((grant) => [grant.id, grant]));
    const granted = [...now.values()].filter(({ state }) => state === 'granted');
    for (const [id, grant] of this.grants) {
      if (!touched.has(id)) expect(now.get(id)).toEqual(grant);
    }
    const owners = new Map<number, Grant[]>();
    for (const grant of granted) {
      for (const segment of segmentsIn(grant)) {
        owners.set(segment, [...(owners.get(segment) ?? []), grant]);
      }
    }
    for (const several of owners.values()) {
      if (several.length > 1) expect(several.every(({ shared }) => shared)).toBe(true);
    }
    this.world.states().forEach((state, segment) => {
      expect(state === 'granted').toBe(owners.has(segment));
      if (state === 'clean') expect(this.world.read(segment)).toBe(0);
    });
    // bytes of whoever was granted them all the time are as they were left
    for (const [id, grant] of this.grants) {
      if (touched.has(id) || now.get(id) === undefined) continue;
      for (const segment of segmentsIn(grant)) {
        expect(this.world.read(segment)).toBe(this.stamps.get(segment));
      }
    }
    const before = this.grants;
    this.grants = new Map(granted.map((grant) => [grant.id, grant]));
    for (const grant of granted) {
      if (before.has(grant.id)) continue;
      // it was not answered, and is there: its borrower may use it from now on
      for (const segment of segmentsIn(grant)) {
        this.#stamp(segment);
        this.regions.set(segment, grant.region);
      }
    }
  }
}

function segmentsIn({ ranges }: Grant): number[] {
  return segmentsOf(ranges.map((range) => runOfRange(GEOMETRY, range)));
}

test('whatever is asked, and wherever it dies, nothing is lent twice or with bytes of others', async () => {
  let deaths = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 12 }), async (rounds) => {
      const world = new World(directory, SEGMENTS);
      await world.start();
      const model = new Model(world);
      try {
        for (const { ops, dieAt } of rounds) {
          if (dieAt !== undefined) world.fate.dieAt = dieAt;
          const all = Promise.allSettled(ops.map((each) => model.run(each)));
          const died = await Promise.race([
            world.arrived().then(() => true),
            all.then((ended) => {
              for (const each of ended) if (each.status === 'rejected') refusal(each.reason);
              return false;
            }),
          ]);
          if (died || dieAt !== undefined) {
            deaths += died ? 1 : 0;
            await world.kill();
            await world.begin(dieAt === undefined ? {} : { dieAt });
            const again = await Promise.race([
              world.arrived().then(() => true),
              world.settled().then(() => false),
            ]);
            if (again) {
              deaths += 1;
              await world.kill();
            }
            if (again) await world.start();
          }
          world.fate.dieAt = undefined;
          const touched = new Set(ops.flatMap((each) => ('id' in each ? [each.id] : [])));
          model.check(died ? touched : new Set());
        }
      } finally {
        await world.remove();
      }
    }),
    { numRuns: 120 },
  );
  expect(deaths).toBeGreaterThan(0);
}, 120_000);

/** Refusals are answers; whatever else is a defect. */
function refusal(reason: unknown): void {
  expect(reason).toMatchObject({
    code: expect.stringMatching(/^SDM_(RANGE_TAKEN|NOT_CLEAN|CONFLICT|NOT_FOUND)$/),
  });
}

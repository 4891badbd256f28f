import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { measureOne } from '../../bench/harness/commands.js';
import { formatSuite, formatValue } from '../../bench/harness/report.js';
import { median } from '../../bench/harness/median.js';
import { QUICK_ROUNDS, runSuite } from '../../bench/harness/run.js';
import { perItem, SLICES } from '../../bench/harness/time.js';
import type { Cases, Suite, Workload } from '../../bench/harness/types.js';

const quiet = { quick: false, log: () => undefined, signal: new AbortController().signal };

function fake(cases: Partial<Cases>, fields: Partial<Suite> = {}): Suite {
  return {
    name: 'fake',
    about: 'a suite for the harness',
    rounds: 5,
    cases: () =>
      Promise.resolve({ workloads: [], comparisons: [], close: () => undefined, ...cases }),
    ...fields,
  };
}

/** Gives 100 in the warm-up round, then the values in turn. */
function workload(name: string, values: readonly number[], order: string[] = []): Workload {
  let calls = 0;
  return {
    name,
    run: () => {
      order.push(name);
      calls += 1;
      return { [name]: calls === 1 ? 100 : values[(calls - 2) % values.length]! };
    },
  };
}

const comparison = { case: 'ours', baseline: 'theirs', unit: 'ns', better: 'lower' } as const;

describe('a suite that cannot be measured', () => {
  test('a comparison with a series that nobody measured is named', async () => {
    const suite = fake({ workloads: [workload('ours', [1])], comparisons: [comparison] });
    await expect(runSuite(suite, quiet)).rejects.toThrow('"theirs"');
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
    '%d is no measurement',
    async (value) => {
      const suite = fake({ workloads: [workload('ours', [value])] });
      await expect(runSuite(suite, quiet)).rejects.toThrow(/expected a positive number/);
    },
  );

  test('it is closed all the same', async () => {
    let closed = 0;
    const workloads = [workload('ours', [Number.NaN])];
    await runSuite(fake({ workloads, close: () => void (closed += 1) }), quiet).catch(
      () => undefined,
    );
    expect(closed).toBe(1);
  });
});

describe('a run', () => {
  test('ends at the next workload when it is interrupted, and is closed', async () => {
    const controller = new AbortController();
    const order: string[] = [];
    const interrupts: Workload = {
      name: 'interrupts',
      run: () => {
        controller.abort(new Error('interrupted'));
        throw new Error('what was cut short');
      },
    };
    let closed = 0;
    const suite = fake({
      workloads: [workload('before', [1], order), interrupts, workload('after', [1], order)],
      close: () => void (closed += 1),
    });
    const run = runSuite(suite, { ...quiet, signal: controller.signal });
    await expect(run).rejects.toThrow('interrupted');
    expect([order, closed]).toEqual([['before'], 1]);
  });

  test('gives medians over the rounds, without the warm-up', async () => {
    const workloads = [workload('ours', [1, 9, 2, 8, 3]), workload('theirs', [30, 10, 20, 50, 40])];
    const { results } = await runSuite(fake({ workloads, comparisons: [comparison] }), quiet);
    expect(results).toEqual([
      {
        suite: 'fake',
        case: 'ours',
        baseline: 'theirs',
        baselineValue: 30,
        value: 3,
        unit: 'ns',
        speedup: 10,
        rounds: 5,
        readings: [1, 9, 2, 8, 3],
        baselineReadings: [30, 10, 20, 50, 40],
      },
    ]);
  });

  test('a speedup above 1 means better, also where more is better', async () => {
    const workloads = [workload('ours', [20]), workload('theirs', [10])];
    const comparisons = [{ ...comparison, unit: 'GiB/s', better: 'higher' } as const];
    const { results } = await runSuite(fake({ workloads, comparisons }), quiet);
    expect(results[0]!.speedup).toBe(2);
  });

  test('rounds are interleaved and the first one rotates', async () => {
    const order: string[] = [];
    const workloads = ['a', 'b', 'c'].map((name) => workload(name, [1], order));
    await runSuite(fake({ workloads }), { ...quiet, rounds: 3 });
    expect(order.join('')).toBe('abc' + 'abc' + 'bca' + 'cab');
  });

  test('a quick run is short unless told how many rounds', async () => {
    const make = (): Suite =>
      fake({
        workloads: [workload('ours', [1]), workload('theirs', [1])],
        comparisons: [comparison],
      });
    const quick = { ...quiet, quick: true };
    expect((await runSuite(make(), quick)).results[0]!.rounds).toBe(QUICK_ROUNDS);
    expect((await runSuite(make(), { ...quick, rounds: 2 })).results[0]!.rounds).toBe(2);
  });

  test('emulated results say so, in the data and in the table', async () => {
    const workloads = [workload('ours', [1]), workload('theirs', [2])];
    const suite = fake(
      { workloads, comparisons: [{ ...comparison, aim: 3 }] },
      { emulated: 'a file for hardware' },
    );
    const results = await runSuite(suite, quiet);
    expect(results.results[0]!.case).toBe('ours (emulated)');
    const table = formatSuite(suite, results);
    expect(table).toContain('emulated: a file for hardware');
    expect(table).toMatch(/ours \(emulated\) +1 +theirs +2 +ns +2 +3 \(missed\)/);
  });
});

describe('helpers', () => {
  test('no values have no median', () => {
    expect(() => median([])).toThrow(/no values/);
  });

  test('half of the values are on either side of the median', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values);
        const half = values.length / 2;
        expect(values.filter((value) => value < middle).length).toBeLessThanOrEqual(half);
        expect(values.filter((value) => value > middle).length).toBeLessThanOrEqual(half);
      }),
    );
  });

  test('values are shown with four digits', () => {
    expect([0.12341, 1.5, 12345.6, 1e9].map(formatValue)).toEqual([
      '0.1234',
      '1.5',
      '12,350',
      '1,000,000,000',
    ]);
  });

  test('a reading is the median over slices, per item', () => {
    const counts: number[] = [];
    const busy = (ns: bigint): void => {
      const end = process.hrtime.bigint() + ns;
      while (process.hrtime.bigint() < end);
    };
    const ns = perItem(4 * SLICES, (count) => {
      counts.push(count);
      busy(400_000n);
    });
    expect(counts).toEqual(Array.from({ length: SLICES }, () => 4));
    expect(ns).toBeGreaterThanOrEqual(100_000);
  });

  test('a command must print an object with the number', async () => {
    const print = (text: string): Promise<number> =>
      measureOne([process.execPath, '-e', `console.log(${JSON.stringify(text)})`], 'ns');
    await expect(print('ns 7')).rejects.toThrow(/expected JSON/);
    for (const text of ['7', 'null', '{"us": 7}', '{"ns": "7"}']) {
      await expect(print(text)).rejects.toThrow(/an object with a number "ns"/);
    }
    await expect(print('{"ns": 7}')).resolves.toBe(7);
    const fails = measureOne([process.execPath, '-e', 'process.exit(3)'], 'ns');
    await expect(fails).rejects.toMatchObject({ code: 'SDM_COMMAND' });
  });
});

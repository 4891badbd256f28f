import fc from 'fast-check';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HttpClient } from '../../../src/common/http-client.js';
import { scratchDir } from '../../support/scratch.js';
import { DEADLINE_MS, makePlace, startController, type Running } from './start.js';
import { check, type Operation } from './serial.js';
import { smallTopology } from './topology.js';

const CLIENTS = 64;
const dir = scratchDir('controller-clients');
/** Tight: many requests have to be refused. */
const RACK = { compute: 4, memory: 2, segments: 24, cores: 16, memports: 16 };
let controller: Running;

beforeAll(async () => {
  controller = await startController(makePlace(join(dir, 'c'), smallTopology(RACK)));
});
afterAll(() => controller?.stop());

/** What one client does, one after the other; it knows only platforms of its own. */
const creation = fc.record({
  kind: fc.constant('create' as const),
  cores: fc.integer({ min: 1, max: 6 }),
  segments: fc.nat({ max: 4 }),
  pathUtil: fc.constantFrom(0, 5, 60),
});
const step = fc.oneof(
  { arbitrary: creation, weight: 3 },
  fc.record({ kind: fc.constant('grow' as const), segments: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('shrink' as const) }),
  fc.record({ kind: fc.constant('release' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Platform {
  readonly id: number;
  readonly brick: string;
  readonly island: number;
  readonly cores: number;
  readonly attachments: readonly { id: string; memory: string; first: number; count: number }[];
}

async function run(steps: readonly Step[], log: Operation[]): Promise<void> {
  const client = new HttpClient(controller.client.address, { timeoutMs: DEADLINE_MS });
  const mine: number[] = [];
  const ask = async (method: 'POST' | 'DELETE', path: string, body?: unknown) => {
    const begun = performance.now();
    const answer = await client.exchange(method, path, body === undefined ? {} : { body });
    return { begun, ended: performance.now(), ...answer };
  };
  const note = (
    kind: Operation['kind'],
    platform: Platform,
    at: { begun: number; ended: number },
  ) => log.push({ kind, platform, begun: at.begun, ended: at.ended });
  const size = (segments: number): string => `${segments * 256}MiB`;
  for (const each of steps) {
    if (each.kind === 'create') {
      const { cores, segments, pathUtil } = each;
      const body = { cores, remoteMemory: size(segments), pathUtil };
      const answer = await ask('POST', '/v1/platforms', body);
      if (answer.status !== 507) {
        expect(answer.status).toBe(201);
        mine.push((answer.body as Platform).id);
        note('create', answer.body as Platform, answer);
      }
      continue;
    }
    const id = mine.at(-1);
    if (id === undefined) continue;
    if (each.kind === 'release') {
      const answer = await ask('DELETE', `/v1/platforms/${id}`);
      expect(answer.status).toBe(200);
      mine.pop();
      note('release', { id, brick: '', island: 0, cores: 0, attachments: [] }, answer);
      continue;
    }
    const path = `/v1/platforms/${id}/memory`;
    const answer =
      each.kind === 'grow'
        ? await ask('POST', path, { size: size(each.segments) })
        : await ask('DELETE', `${path}?size=256MiB`);
    if (answer.status === 507 && each.kind === 'grow') continue;
    expect(answer.status).toBe(200);
    note(each.kind, (answer.body as { platform: Platform }).platform, answer);
  }
  for (const id of mine) {
    const answer = await ask('DELETE', `/v1/platforms/${id}`);
    expect(answer.status).toBe(200);
    note('release', { id, brick: '', island: 0, cores: 0, attachments: [] }, answer);
  }
  client.close();
}

it(`${CLIENTS} clients at once see what some order of their requests gives`, async () => {
  const scripts = fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), {
    minLength: CLIENTS,
    maxLength: CLIENTS,
  });
  const before = (await controller.ask('GET', '/v1/totals')).body;
  await fc.assert(
    fc.asyncProperty(scripts, async (all) => {
      const log: Operation[] = [];
      await Promise.all(all.map((steps) => run(steps, log)));
      expect(log.length).toBeGreaterThan(0);
      check(log, RACK);
      expect((await controller.ask('GET', '/v1/totals')).body).toEqual(before);
      expect((await controller.ask('GET', '/v1/platforms')).body).toEqual({ platforms: [] });
    }),
    { numRuns: process.env['SDM_SOAK'] === '1' ? 200 : 5, endOnFailure: true },
  );
}, 120_000);

import fc from 'fast-check';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../src/common/errors.js';
import { ROUTES } from '../../src/dbmc/api/table.js';
import { startTray } from '../support/dbmc.js';
import { scratchDir } from '../support/scratch.js';

const dir = scratchDir('dbmc-fuzz');
/** What the routes know, and what may come in its place. */
const NAMES = ['dRackId', 'dBoxId', 'dBrickId', 'switchId', 'portId', 'path', 'ports', 'ipAddress'];
const value = fc.oneof(
  fc.constantFrom(0, 2, 9, '0', '2', '9', 'dbesm-0-2', 'dbosm-0-2', '[[0,4]]', '[[1,1]]', [[1, 2]]),
  fc.constantFrom(-1, 1.5, 2 ** 53, 1e308, '', '[[', '[[[1]]]', null, true, {}, '__proto__'),
  fc.jsonValue({ maxDepth: 2 }),
);
const body = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(fc.constantFrom(...NAMES), value) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);
const request = fc.record({
  path: fc.constantFrom(...ROUTES.map((route) => route.path), '/v1/faults'),
  post: fc.boolean(),
  body,
});

describe('sdm-dbmc and what it is sent', () => {
  it('answers whatever is asked with a result or a code, never with a failure of its own', async () => {
    const { url, daemon, curl } = await startTray(join(dir, 'any'));
    await fc.assert(
      fc.asyncProperty(request, async (asked) => {
        const answer = asked.post
          ? await fetch(`${url}${asked.path}`, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify(asked.body),
            })
          : await fetch(`${url}${asked.path}?${queryOf(asked.body)}`);
        const said = (await answer.json()) as Record<string, unknown>;
        expect(answer.status, JSON.stringify({ asked, said })).toBeLessThan(500);
        if (answer.status !== 200) expect(Object.keys(ERRORS)).toContain(said['code']);
      }),
      { numRuns: 600 },
    );
    expect(daemon.process.exitCode).toBeNull();
    expect(daemon.log()).not.toContain('SDM_INTERNAL');
    expect(await curl(`${url}/healthz`)).toMatchObject({ status: 200 });
  }, 60_000);

  it.each([
    ['ten megabytes', 413, { 'content-type': 'application/json' }, 'x'.repeat(10 << 20)],
    ['no JSON', 400, { 'content-type': 'application/json' }, '{"dRackId":'],
    ['another type', 415, { 'content-type': 'text/html' }, '<p>'],
  ])('refuses %s', async (name, status, headers, text) => {
    const { url } = await startTray(join(dir, name));
    const answer = await fetch(`${url}/api/switch/connectports`, {
      method: 'POST',
      headers,
      body: text,
    });
    expect(answer.status).toBe(status);
    expect(Object.keys(ERRORS)).toContain(((await answer.json()) as { code: string }).code);
  });
});

function queryOf(given: unknown): string {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return '';
  return new URLSearchParams(
    Object.entries(given).map(([name, each]): [string, string] => [
      name,
      typeof each === 'string' ? each : JSON.stringify(each),
    ]),
  ).toString();
}

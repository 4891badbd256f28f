import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ERRORS } from '../../../src/common/errors.js';
import { OpenApiChecker } from '../../support/openapi.js';
import { scratchDir } from '../../support/scratch.js';
import { exchange } from './raw.js';
import { anyRequest, type Document } from './requests.js';
import { makePlace, startController, type Running } from './start.js';
import { smallTopology } from './topology.js';

const SOAK = process.env['SDM_SOAK'] === '1';
const REQUESTS = SOAK ? 100_000 : 2_000;
const MIB = 1024 * 1024;
/** Streams that do not end, and a copy to wherever a request says. */
const SKIPPED = ['/v1/events', '/v1/backup'];
/** A tray may name an address where nobody is: platforms behind it fail, as they should. */
const isTrays = (path: string): boolean => path.startsWith('/v1/trays');
/** A refusal for what the rack does not have. */
const DOCUMENTED_5XX = new Set(['SDM_MODE']);

const dir = scratchDir('controller-fuzz');
let controller: Running;
let document: Document;
beforeAll(async () => {
  controller = await startController(makePlace(join(dir, 'c'), smallTopology()));
  document = (await controller.ask('GET', '/openapi.json')).body as Document;
});
afterAll(() => controller?.stop());

function residentMiB(): number {
  const status = readFileSync(`/proc/${controller.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}

/** Requests made out of the document. @returns methods and the statuses that they were answered with. */
async function askAnything(
  isLeftOut: (path: string) => boolean,
  numRuns: number,
): Promise<Set<string>> {
  const checker = new OpenApiChecker(document);
  const reached = new Set<string>();
  await fc.assert(
    fc.asyncProperty(anyRequest(document, isLeftOut), async ({ method, path, headers, body }) => {
      const answer = await exchange(controller.client.address, method, path, body, headers);
      const type = answer.type.split(';')[0]!;
      const value: unknown = type === 'application/json' ? JSON.parse(answer.text) : answer.text;
      const { code } = (typeof value === 'object' ? value : {}) as { code?: string };
      if (answer.status >= 400) {
        expect(Object.keys(ERRORS)).toContain(code);
        expect(answer.text.length).toBeLessThan(20_000);
      }
      if (answer.status >= 500 && answer.status !== 507) expect(DOCUMENTED_5XX).toContain(code);
      // a path that is no path of the document any more has no answer in it
      const isRouted = answer.status !== 404 || !answer.text.includes('/openapi.json');
      if (isRouted) checker.check(method, path, answer.status, value, type);
      reached.add(`${method} ${answer.status}`);
    }),
    { numRuns, endOnFailure: true },
  );
  return reached;
}

it(
  `any of ${REQUESTS} requests is done or refused with a code, and none costs the next anything`,
  async () => {
    const before = residentMiB();
    const reached = await askAnything((path) => SKIPPED.includes(path) || isTrays(path), REQUESTS);
    // it got beyond the schemas: things were made, changed and given back
    for (const each of ['GET 200', 'POST 201', 'POST 400', 'GET 404', 'DELETE 404']) {
      expect(reached).toContain(each);
    }
    const { platforms } = (await controller.ask('GET', '/v1/platforms')).body as {
      platforms: { id: number }[];
    };
    for (const { id } of platforms) {
      expect((await controller.ask('DELETE', `/v1/platforms/${id}`)).status).toBe(200);
    }
    expect((await controller.ask('GET', '/v1/totals')).body).toMatchObject({
      ...{ coresFree: 16, segmentsFree: 32, platforms: 0 },
    });
    expect(residentMiB() - before).toBeLessThan(SOAK ? 400 : 150);
  },
  SOAK ? 3_600_000 : 180_000,
);

it(
  'so is any registration and any event of a tray',
  async () => {
    const reached = await askAnything((path) => !isTrays(path), REQUESTS / 10);
    expect(reached).toContain('POST 400');
    expect((await controller.ask('GET', '/healthz')).status).toBe(200);
  },
  SOAK ? 600_000 : 60_000,
);

it('bodies of 10 MB are refused, and none of it is kept', async () => {
  const before = residentMiB();
  const huge = JSON.stringify({ cores: 1, name: 'x'.repeat(10 * MIB) });
  const paths = ['/v1/platforms', '/v1/trays', '/api/getPlatform', '/api/memory/addremotememory'];
  for (let i = 0; i < 3; i += 1) {
    const answers = await Promise.all(
      paths.flatMap((path) =>
        [1, 2, 3].map(() => exchange(controller.client.address, 'POST', path, huge)),
      ),
    );
    for (const { status, text } of answers) {
      expect(status).toBe(413);
      expect(JSON.parse(text)).toMatchObject({ code: 'SDM_TOO_LARGE' });
    }
  }
  expect(residentMiB() - before).toBeLessThan(100);
  expect((await controller.ask('GET', '/healthz')).status).toBe(200);
}, 120_000);

import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryDir } from '../../support/scratch.js';
import { makeMemoryBrick, range, type MemoryBrick } from './process.js';

const RACK = { 'sdm-controller': 'rack', 'sdm-epoch': '1' };
const GONE = { status: 410, body: { code: 'SDM_GONE' } };

let brick: MemoryBrick;
beforeAll(async () => {
  brick = makeMemoryBrick(memoryDir('lender-late'));
  await brick.start();
});
afterAll(() => brick.stop());

const grant = (id: string, headers: Readonly<Record<string, string>> = RACK, first = 0) =>
  brick.ask({
    ...{ method: 'PUT', path: `/v1/grants/${id}`, headers },
    body: { ranges: [range(first, 1)] },
  });
const drop = (id: string, headers: Readonly<Record<string, string>> = RACK) =>
  brick.ask({ method: 'DELETE', path: `/v1/grants/${id}`, headers });
const grants = async (): Promise<unknown> => (await brick.ask({ path: '/v1/grants' })).body;

test('a grant that comes after its drop is refused, also where there was nothing to drop', async () => {
  expect(await drop('p1-0')).toMatchObject({ status: 404 });
  expect(await grant('p1-0')).toMatchObject({
    ...GONE,
    body: { details: { grant: 'p1-0', controller: 'rack' } },
  });
  expect(await grant('p1-1')).toMatchObject({ status: 201 });
  expect(await drop('p1-1')).toMatchObject({ status: 200 });
  expect(await grant('p1-1')).toMatchObject(GONE);
  expect(await drop('p1-1')).toMatchObject({ status: 200 });
  expect(await grants()).toEqual({ grants: [] });
});

test('asked for at once, nothing is granted after the drop was answered', async () => {
  for (let n = 0; n < 20; n++) {
    const id = `p2-${n}`;
    const asked = [grant(id), drop(id), grant(id)];
    const [first, dropped, second] = await Promise.all(n % 2 === 0 ? asked : asked.reverse());
    for (const answer of [first!, second!]) expect([200, 201, 409, 410]).toContain(answer.status);
    expect([200, 404]).toContain(dropped!.status);
    expect(await grants()).toEqual({ grants: [] });
    expect(await grant(id)).toMatchObject(GONE);
  }
});

test('people grant under the same id as often as they like', async () => {
  for (const _ of [1, 2]) {
    expect(await grant('mine', {})).toMatchObject({ status: 201 });
    expect(await drop('mine', {})).toMatchObject({ status: 200 });
  }
});

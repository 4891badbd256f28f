import { afterAll, beforeAll, expect, test } from 'vitest';
import { HttpClient } from '../../../src/common/http-client.js';
import type { CertificateRole } from '../../../src/common/server/identity.js';
import { makePki, type TestPki } from '../../support/pki.js';
import { memoryDir } from '../../support/scratch.js';
import { makeMemoryBrick, range, type MemoryBrick } from './process.js';

const directory = memoryDir('lender-roles');
let pki: TestPki;
let brick: MemoryBrick;
let address: string;

beforeAll(async () => {
  pki = await makePki();
  const own = await pki.issue('lender', '0.0.8');
  brick = makeMemoryBrick(directory, { listen: { address: 'https://127.0.0.1:0', pki: own } });
  const lender = await brick.start();
  address = lender.ready['address'] as string;
});
afterAll(() => brick.stop());

async function clientOf(role: CertificateRole, name: string): Promise<HttpClient> {
  const dir = await pki.issue(role, name);
  return new HttpClient(address, { pki: dir, expect: { role: 'lender', name: '0.0.8' } });
}

const body = { ranges: [range(0, 1)] };

test('a controller commands under the name that its certificate has', async () => {
  const client = await clientOf('controller', 'rack');
  const as = (name: string) => ({ 'sdm-controller': name, 'sdm-epoch': '1' });
  const grant = client.call('PUT', '/v1/grants/a', { body, headers: as('rack') });
  expect(await grant).toMatchObject({ owner: 'rack' });
  await expect(
    client.call('PUT', '/v1/grants/b', { body, headers: as('other') }),
  ).rejects.toMatchObject({ code: 'SDM_FORBIDDEN' });
  expect(await client.call('DELETE', '/v1/grants/a', { headers: as('rack') })).toMatchObject({
    proof: { zeroes: true },
  });
});

test.each(['agent', 'operator', 'dbmc', 'lender'] as const)(
  'a certificate of role %s commands nothing',
  async (role) => {
    const client = await clientOf(role, 'x');
    for (const [method, path] of [
      ['PUT', '/v1/grants/a'],
      ['DELETE', '/v1/grants/a'],
      ['POST', '/v1/scrub'],
    ] as const) {
      await expect(client.call(method, path, { body })).rejects.toMatchObject({
        code: 'SDM_FORBIDDEN',
      });
    }
  },
);

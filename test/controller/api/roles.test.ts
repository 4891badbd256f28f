import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpClient, type ClientOptions } from '../../../src/common/http-client.js';
import type { CertificateRole, TokenRole } from '../../../src/common/server/identity.js';
import { makeToken } from '../../../src/pki/index.js';
import { makePki, type TestPki } from '../../support/pki.js';
import { scratchDir } from '../../support/scratch.js';
import { makePlace, startController, type Method, type Running } from './start.js';
import { smallTopology } from './topology.js';

const dir = scratchDir('controller-roles');
let controller: Running;
let pki: TestPki;
let https: string;
const clients = new Map<string, HttpClient>();

const CERTIFICATES: readonly CertificateRole[] = [
  ...(['controller', 'agent', 'lender', 'dbmc', 'operator'] as const),
];
const TOKENS: readonly TokenRole[] = ['viewer', 'operator', 'admin'];

beforeAll(async () => {
  pki = await makePki();
  const own = await pki.issue('controller', 'rack');
  const place = makePlace(join(dir, 'c'), smallTopology(), {
    listen: [`unix:${join(dir, 'c/c.sock')}`, 'https://127.0.0.1:0'],
    ...{ pki: own, tokens: join(pki.dir, 'tokens.json') },
  });
  const tokens = TOKENS.map(
    (role) => [role, readFileSync(makeToken(pki.dir, `a-${role}`, role), 'utf8').trim()] as const,
  );
  controller = await startController(place);
  https = controller.listen.find((each) => each.startsWith('https'))!;
  const expected = { expect: { role: 'controller', name: 'rack' } };
  const add = (name: string, options: ClientOptions): void =>
    void clients.set(name, new HttpClient(https, { ...expected, ...options }));
  for (const role of CERTIFICATES) {
    const name = { agent: '0.0.0', lender: '0.0.8', dbmc: '0.0.0' }[role as string] ?? 'other';
    add(`certificate ${role}`, { pki: await pki.issue(role, name) });
  }
  for (const [role, token] of tokens) add(`token ${role}`, { pki: pki.dir, token });
  add('token unknown', { pki: pki.dir, token: 'nonsense' });
  add('nobody', { pki: pki.dir });
}, 60_000);
afterAll(async () => {
  for (const each of clients.values()) each.close();
  await controller?.stop();
});

type Ask = readonly [Method, string, unknown?];
const LOOK: Ask = ['GET', '/v1/platforms'];
const PLAN: Ask = ['POST', '/v1/plan', { cores: 1 }];
const TOTALS: Ask = ['POST', '/api/TotalResources', {}];
const RELEASE: Ask = ['DELETE', '/v1/platforms/999'];
const D44: Ask = ['GET', '/api/releasePlatform?platformID=999'];
const BY_HAND: Ask = [
  'POST',
  '/api/memory/addremotememory',
  { dRackId: 9, startA: '0', endA: '1' },
];
const LEASE: Ask = ['POST', '/v1/leases/nonesuch/keepalive'];
const DRAIN: Ask = ['POST', '/v1/bricks/9.9.9/drain'];
const FENCE: Ask = ['POST', '/v1/bricks/9.9.9/fence', {}];
const BACKUP: Ask = ['POST', '/v1/backup', { path: '/nonexistent/dir/file' }];
const TRAY: Ask = ['POST', '/v1/trays/0.0.0/events', { events: [{ kind: 'brick.on' }] }];

const READS = [LOOK, PLAN, TOTALS];
const CHANGES = [RELEASE, D44, BY_HAND, LEASE];
const ADMIN = [DRAIN, FENCE, BACKUP];
const ALL = [...READS, ...CHANGES, ...ADMIN, TRAY];

const MAY: readonly (readonly [string, readonly Ask[]])[] = [
  ['token viewer', READS],
  ['token operator', [...READS, ...CHANGES]],
  ['token admin', ALL],
  ['certificate operator', [...READS, ...CHANGES]],
  ['certificate controller', [...READS, ...CHANGES]],
  ['certificate dbmc', [TRAY]],
  ['certificate agent', []],
  ['certificate lender', []],
];

describe.each(MAY)('%s', (name, may) => {
  it.each(ALL.map((each) => ({ each, title: `${each[0]} ${each[1]}` })))(
    '$title',
    async ({ each }) => {
      const [method, path, body] = each;
      const client = clients.get(name)!;
      const answer = await client.exchange(method, path, body === undefined ? {} : { body });
      const isAllowed = may.some(([m, p]) => m === method && p === path);
      if (isAllowed) expect([401, 403]).not.toContain(answer.status);
      else expect(answer).toMatchObject({ status: 403, body: { code: 'SDM_FORBIDDEN' } });
    },
  );
});

it.each(['token unknown', 'nobody'])('%s may nothing', async (name) => {
  for (const [method, path, body] of ALL) {
    const answer = await clients.get(name)!.exchange(method, path, body ? { body } : {});
    expect(answer).toMatchObject({ status: 401, body: { code: 'SDM_UNAUTHENTICATED' } });
  }
});

it('a tray speaks for itself only', async () => {
  const client = clients.get('certificate dbmc')!;
  const events = { events: [{ kind: 'brick.on' }] };
  for (const [path, body] of [
    ['/v1/trays/0.0.1/events', events],
    ['/v1/trays', { id: '0.0.1', address: 'http://127.0.0.1:7001' }],
  ] as const) {
    const answer = await client.exchange('POST', path, { body });
    expect(answer).toMatchObject({ status: 403, body: { code: 'SDM_FORBIDDEN' } });
  }
});

it('a caller cannot use the keys of another', async () => {
  const headers = { 'idempotency-key': 'shared' };
  const body = { cores: 1 };
  const ids = [];
  for (const name of ['token operator', 'token admin', 'certificate operator']) {
    const client = clients.get(name)!;
    const made = (await client.call('POST', '/v1/platforms', { body, headers })) as { id: number };
    expect(await client.call('POST', '/v1/platforms', { body, headers })).toEqual(made);
    ids.push(made.id);
  }
  expect(new Set(ids).size).toBe(3);
});

it.each(['agent-0.0.0', 'controller-other'])('no controller starts as %s', async (who) => {
  const place = makePlace(join(dir, who), smallTopology(), {
    ...{ listen: ['https://127.0.0.1:0'], pki: join(pki.dir, who) },
  });
  const [role, name] = who.split('-');
  await expect(startController(place)).rejects.toThrow(
    `SDM_PKI: ${pki.dir}/${who}/cert.pem: expected the certificate of controller "rack", ` +
      `found that of ${role} "${name}"`,
  );
});

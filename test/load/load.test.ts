import { afterEach, expect, test, vi } from 'vitest';
import type { Attachment } from '../../src/agent/api/schemas.js';
import { native } from '../../src/native/index.js';
import { makeBrick, type Brick } from '../support/agent.js';
import { EventReader } from '../support/events.js';
import { OpenApiChecker } from '../support/openapi.js';
import { randomOf, RandomClient } from './clients.js';
import { filesOf, residentOf, until } from './wire.js';

const SOAK = process.env['SDM_SOAK'] === '1';
const CLIENTS = 64;
const DURATION_MS = SOAK ? 60_000 : 8_000;
const SEED = Number(process.env['SDM_LOAD_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const POOL = 512n << 20n;
const PORTS = 128;
/** The last memports are set by hand, one by each of as many clients. */
const BY_HAND = 8;
const MIB = 1n << 20n;
/** A node with its garbage; an agent that keeps something of each request goes beyond it. */
const RESIDENT_MAX = 400n * MIB;
const GROWTH_MAX = 64n * MIB;

vi.setConfig({ testTimeout: DURATION_MS + 240_000, hookTimeout: 60_000 });

let brick: Brick;
afterEach(() => brick.remove());

async function list(): Promise<Map<string, Attachment>> {
  const { body } = await brick.ask({ path: '/v1/attachments' });
  const { attachments } = body as { attachments: Attachment[] };
  return new Map(attachments.map((attachment) => [attachment.id, attachment]));
}

/** What was acknowledged is in the list and in the registers, and nothing is there besides. */
async function expectTrue(clients: readonly RandomClient[]): Promise<void> {
  const listed = await list();
  const set = new Map(brick.setMemports().map((memport) => [memport.start, memport]));
  for (const client of clients) {
    for (const [id, told] of client.attached) {
      expect(listed.get(id)).toMatchObject({ state: 'present', start: told.start });
    }
    if (client.set === undefined) continue;
    const { start, end } = client.set;
    expect(set.get(BigInt(start))).toMatchObject({ end: BigInt(end) });
  }
  for (const { start, end, remote } of listed.values()) {
    expect(set.get(BigInt(start))).toMatchObject({ end: BigInt(end), remote: BigInt(remote) });
  }
  const byHand = clients.filter((client) => client.set !== undefined);
  expect(set.size).toBe(listed.size + byHand.length);
  expect([...listed.keys()].filter((id) => /^c\d+-/.test(id)).sort()).toEqual(
    clients.flatMap((client) => [...client.attached.keys()]).sort(),
  );
}

test(`${CLIENTS} clients command at random for ${DURATION_MS / 1000} s (seed ${SEED})`, async () => {
  brick = await makeBrick({
    poolSize: POOL,
    format: ['--ports', String(PORTS)],
    config: { log: 'error' },
  });
  const agent = await brick.start();
  const files = filesOf(agent.pid);
  const checker = new OpenApiChecker((await brick.ask({ path: '/openapi.json' })).body);
  const counts = new Map<string, number>();
  const around = { socket: brick.socket, pool: brick.pool, checker, counts };
  const clients = Array.from({ length: CLIENTS }, (_, n) => {
    const memport = n < BY_HAND ? PORTS - 1 - n : undefined;
    return new RandomClient(n, memport, { ...around, random: randomOf(SEED + n) });
  });
  const events = new EventReader(brick.socket);

  const begun = performance.now();
  const half = begun + DURATION_MS / 2;
  let residentAtHalf = 0n;
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < begun + DURATION_MS) {
        await client.command();
        if (performance.now() > half && residentAtHalf === 0n)
          residentAtHalf = residentOf(agent.pid);
      }
    }),
  );
  await expectTrue(clients);
  const resident = residentOf(agent.pid);
  expect(resident).toBeLessThan(RESIDENT_MAX);
  if (SOAK) expect(resident - residentAtHalf).toBeLessThan(GROWTH_MAX);

  // each kind of thing was done, or was refused
  expect(counts.get('ok')).toBeGreaterThan(CLIENTS);
  for (const code of ['SDM_INPUT', 'SDM_NOT_FOUND', 'SDM_STALE_EPOCH', 'SDM_MODE']) {
    expect(counts.get(code)).toBeGreaterThan(0);
  }
  expect((await events.next('attachment')).kind).toBe('attachment');
  await events.close();

  // all of it can be given back
  for (const id of (await list()).keys()) {
    const path = `/v1/attachments/${id}?override=true`;
    expect((await brick.ask({ method: 'DELETE', path })).status).toBe(200);
  }
  for (const { memport, set } of clients) {
    if (set === undefined) continue;
    const path = `/v1/memports/${memport}`;
    expect((await brick.ask({ method: 'DELETE', path })).status).toBe(200);
  }
  expect(brick.setMemports()).toEqual([]);
  const pool = native.mapMemory({ path: brick.pool, length: POOL });
  expect(await pool.findOther(0n)).toBe(-1n);
  pool.close();

  for (const client of clients) client.close();
  await until('every connection to be gone', () => filesOf(agent.pid) <= files);
  expect(agent.log()).toBe('');
  expect(await agent.stop()).toBe(0);
});

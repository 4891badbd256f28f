import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Attachment } from '../../../src/agent/api/schemas.js';
import { OpenApiChecker } from '../../support/openapi.js';
import { makeBrick, type Brick } from '../../support/agent.js';

// Processes take their time on a busy machine; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const bricks: Brick[] = [];
afterEach(async () => {
  await Promise.all(bricks.splice(0).map((brick) => brick.remove()));
});

async function brickOf(...args: Parameters<typeof makeBrick>): Promise<Brick> {
  const brick = await makeBrick(...args);
  bricks.push(brick);
  return brick;
}

/** What may be refused while 64 clients want 32 memports. */
const EXPECTED = new Set(['SDM_NO_MEMPORT', 'SDM_NO_SPACE']);

const LIST = { method: 'GET', path: '/v1/attachments' } as const;
const attach = (id: string) =>
  ({
    method: 'POST',
    path: '/v1/attachments',
    body: { id, mode: 'device', size: '0x200000' },
  }) as const;
const detach = (id: string) => ({ method: 'DELETE', path: `/v1/attachments/${id}` }) as const;

/** At no time may two attachments share a memport, or a byte on either side. */
function expectDisjoint(attachments: readonly Attachment[]): void {
  expect(new Set(attachments.map(({ memport }) => memport)).size).toBe(attachments.length);
  for (const side of ['start', 'remote'] as const) {
    const sorted = attachments
      .map((a) => ({ from: BigInt(a[side]), to: BigInt(a[side]) + BigInt(a.size) }))
      .sort((a, b) => (a.from < b.from ? -1 : 1));
    sorted.forEach((range, i) => {
      const before = sorted[i - 1];
      if (before !== undefined) expect(range.from).toBeGreaterThanOrEqual(before.to);
    });
  }
}

describe('64 clients at once', () => {
  it('leave the registers clear, and nothing fails but what must', async () => {
    const brick = await brickOf({ poolSize: 128n << 20n });
    await brick.start();
    const checker = new OpenApiChecker((await brick.ask({ path: '/openapi.json' })).body);
    const refusals: string[] = [];
    let attached = 0;

    /** Every answer keeps to the document, and a refusal is one that may be. */
    const ask = async (request: ReturnType<typeof attach | typeof detach> | typeof LIST) => {
      const answer = await brick.ask(request);
      checker.check(request.method, request.path, answer.status, answer.body);
      if (answer.status >= 300) refusals.push((answer.body as { code: string }).code);
      return answer;
    };

    await Promise.all(
      Array.from({ length: 64 }, async (_, client) => {
        for (let round = 0; round < 3; round += 1) {
          const id = `c${client}-${round}`;
          const { status } = await ask(attach(id));
          const { body } = await ask(LIST);
          const { attachments } = body as { attachments: Attachment[] };
          expectDisjoint(attachments);
          expect(attachments.some((a) => a.id === id)).toBe(status === 201);
          if (status !== 201) continue;
          attached += 1;
          expect(await ask(detach(id))).toMatchObject({ status: 200, body: { state: 'free' } });
        }
      }),
    );

    expect(attached).toBeGreaterThanOrEqual(32);
    expect(refusals.filter((code) => !EXPECTED.has(code))).toEqual([]);
    expect((await ask(LIST)).body).toEqual({ attachments: [] });
    expect(brick.setMemports()).toEqual([]);
  });

  it('with one id get one attachment', async () => {
    const brick = await brickOf({ poolSize: 128n << 20n });
    await brick.start();
    const answers = await Promise.all(Array.from({ length: 64 }, () => brick.ask(attach('same'))));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    const memports = answers.map(({ body }) => (body as Attachment).memport);
    expect(new Set(memports).size).toBe(1);
    expect(brick.setMemports()).toHaveLength(1);
    const freed = await Promise.all(Array.from({ length: 64 }, () => brick.ask(detach('same'))));
    expect(freed.map(({ status }) => status)).toEqual(freed.map(() => 200));
    expect(brick.setMemports()).toEqual([]);
  });
});

describe('a real agent', () => {
  it('keeps to its own document', async () => {
    const brick = await brickOf();
    await brick.start();
    const checker = new OpenApiChecker((await brick.ask({ path: '/openapi.json' })).body);
    const memport = { start: '0x800000', size: '0x200000', remote: '0x800000' };
    const requests = [
      attach('a'),
      { method: 'PUT', path: '/v1/memports/9', body: memport },
      ...['brick', 'memory', 'attachments', 'attachments/a', 'memports', 'memports/9']
        .concat('memports/31', 'transceivers', 'attachments/none')
        .map((name) => ({ method: 'GET', path: `/v1/${name}` }) as const),
      { method: 'GET', path: '/healthz' },
      { method: 'POST', path: '/v1/transceivers/0/reset' },
      { method: 'POST', path: '/v1/transceivers/9/reset' },
      { method: 'PUT', path: '/v1/memports/10', body: memport },
      { method: 'PUT', path: '/v1/memports/10', body: { ...memport, start: '0x1' } },
      { method: 'DELETE', path: '/v1/memports/0' },
      { method: 'DELETE', path: '/v1/memports/9' },
      { method: 'DELETE', path: '/v1/memports/400' },
      detach('a'),
      detach('none'),
    ] as const;
    const statuses: string[] = [];
    for (const request of requests) {
      const { status, body } = await brick.ask(request);
      checker.check(request.method, request.path, status, body);
      const code = status < 300 ? '' : ` ${(body as { code: string }).code}`;
      statuses.push(`${request.method} ${request.path}: ${status}${code}`);
    }
    expect(statuses.filter((line) => /: [45]/.test(line))).toEqual([
      'GET /v1/attachments/none: 404 SDM_NOT_FOUND',
      'POST /v1/transceivers/9/reset: 400 SDM_INPUT',
      expect.stringMatching(/^PUT \/v1\/memports\/10: 4/),
      expect.stringMatching(/^PUT \/v1\/memports\/10: 4/),
      'DELETE /v1/memports/0: 409 SDM_MEMPORT_OWNED',
      'DELETE /v1/memports/400: 400 SDM_INPUT',
      'DELETE /v1/attachments/none: 404 SDM_NOT_FOUND',
    ]);
    expect(brick.setMemports()).toEqual([]);
  });
});

describe('agents side by side', () => {
  it('do not disturb each other, also when one is killed', async () => {
    const some = await Promise.all(
      Array.from({ length: 3 }, () => brickOf({ poolSize: 64n << 20n })),
    );
    const agents = await Promise.all(some.map((brick) => brick.start()));
    const round = async (brick: Brick, id: string) => {
      expect((await brick.ask(attach(id))).status).toBe(201);
      expect(brick.setMemports()).toHaveLength(1);
      expect((await brick.ask(detach(id))).status).toBe(200);
      expect(brick.setMemports()).toEqual([]);
    };
    await Promise.all(some.map((brick) => round(brick, 'a')));
    await agents[0]!.stop('SIGKILL');
    await Promise.all(some.slice(1).map((brick) => round(brick, 'b')));
    await some[0]!.start();
    await round(some[0]!, 'c');
  });

  it('share a pool, each within its own shares', async () => {
    const first = await brickOf({ poolSize: 128n << 20n });
    const second = await brickOf({
      poolSize: 128n << 20n,
      config: {
        pool: { path: first.pool },
        shares: [{ start: '0x4000000', size: '0x4000000' }],
      },
    });
    await Promise.all([first.start(), second.start()]);
    const remote = async (brick: Brick, id: string) =>
      BigInt(((await brick.ask(attach(id))).body as Attachment).remote);
    expect(await remote(first, 'x')).toBeLessThan(0x4000000n);
    expect(await remote(second, 'x')).toBeGreaterThanOrEqual(0x4000000n);
  });
});

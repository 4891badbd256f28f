import { afterEach, expect, test, vi } from 'vitest';
import { SdmError } from '../../../src/common/errors.js';
import { Daemons, TIMEOUTS } from '../../../src/controller/synthesizer/daemons.js';
import type { TransportRequest } from '../../../src/controller/synthesizer/transport.js';

const GET = { method: 'GET', path: '/', timeoutMs: 1000 } as const;

function daemons(
  answer: (request: TransportRequest, n: number) => Promise<unknown>,
  options: { readonly retryMs?: number; readonly atOnce?: number } = {},
): { readonly made: Daemons; readonly seen: TransportRequest[] } {
  const seen: TransportRequest[] = [];
  const made = new Daemons({
    open: () => ({ request: (request) => answer(request, seen.push(request)), close: () => {} }),
    headers: { 'sdm-controller': 'test', 'sdm-epoch': '7' },
    timeouts: { ...TIMEOUTS, retryMs: options.retryMs ?? 5000 },
    atOnce: options.atOnce ?? 8,
  });
  return { made, seen };
}

afterEach(() => vi.restoreAllMocks());

test('what failed in passing is asked again, with the same headers', async () => {
  const { made, seen } = daemons(async (_request, n) => {
    if (n < 3) throw new SdmError('SDM_UNREACHABLE', 'not yet');
    return 'here';
  });
  expect(await made.call('unix:/a', GET)).toBe('here');
  expect(seen.map(({ headers }) => headers['sdm-epoch'])).toEqual(['7', '7', '7']);
});

test('what was refused is not asked again', async () => {
  const { made, seen } = daemons(async () => {
    throw new SdmError('SDM_CONFLICT', 'no');
  });
  await expect(made.call('unix:/a', GET)).rejects.toMatchObject({ code: 'SDM_CONFLICT' });
  expect(seen).toHaveLength(1);
});

test('with no time for more there is one attempt', async () => {
  const { made, seen } = daemons(
    async () => {
      throw new SdmError('SDM_TIMEOUT', 'late');
    },
    { retryMs: 0 },
  );
  await expect(made.call('unix:/a', GET)).rejects.toMatchObject({ code: 'SDM_TIMEOUT' });
  expect(seen).toHaveLength(1);
});

test('so many calls at one daemon at once, and others beside it', async () => {
  let running = 0;
  let most = 0;
  const { made } = daemons(
    async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    },
    { atOnce: 3 },
  );
  await Promise.all(Array.from({ length: 20 }, () => made.call('unix:/a', GET)));
  expect(most).toBe(3);
});

test('a call far beyond its deadline is named; those that wait for its place are not late', async () => {
  let end = (): void => {};
  const { made } = daemons(() => new Promise<void>((resolve) => (end = resolve)), { atOnce: 1 });
  const first = made.call('unix:/a', GET);
  await Promise.resolve();
  const now = performance.now();
  const later = vi.spyOn(performance, 'now').mockReturnValue(now + GET.timeoutMs);
  expect(made.overdue()).toBeUndefined();
  expect(made.waitedAt).toBe(-Infinity);
  const second = made.call('unix:/a', GET);
  later.mockReturnValue(now + 3_600_000);
  expect(made.overdue()).toMatch(/^GET \/ at unix:\/a has been under way for 3600 s/);
  expect(made.waitedAt).toBe(now + 3_600_000);
  end();
  await first;
  await vi.waitUntil(() => made.overdue() === undefined);
  later.mockReturnValue(now + 3_600_500);
  expect(made.waitedAt).toBe(now + 3_600_000);
  end();
  await second;
});

test('a look does not wait for what is under way', async () => {
  const { made } = daemons(({ path }) =>
    path === '/hangs' ? new Promise(() => {}) : Promise.resolve('up'),
  );
  for (let i = 0; i < 20; i += 1) void made.call('unix:/a', { ...GET, path: '/hangs' });
  expect(await made.call('unix:/a', { ...GET, look: true })).toBe('up');
});

test('who waits for a place at a daemon that hangs waits no longer than its own deadline', async () => {
  let hangs = true;
  const { made, seen } = daemons(
    () => (hangs ? new Promise((resolve) => setTimeout(resolve, 400)) : Promise.resolve('here')),
    { retryMs: 0, atOnce: 2 },
  );
  const call = { ...GET, timeoutMs: 100 };
  const begun = [made.call('unix:/a', call), made.call('unix:/a', call)];
  await expect(made.call('unix:/a', call)).rejects.toMatchObject({ code: 'SDM_TIMEOUT' });
  expect(seen).toHaveLength(2);
  await Promise.all(begun);
  hangs = false;
  expect(await made.call('unix:/a', call)).toBe('here');
});

test('who waits at a daemon that answers others waits for as long as it does', async () => {
  const { made, seen } = daemons(
    () => new Promise((resolve) => setTimeout(() => resolve('here'), 60)),
    { retryMs: 0, atOnce: 1 },
  );
  const call = { ...GET, timeoutMs: 100 };
  await Promise.all(Array.from({ length: 5 }, () => made.call('unix:/a', call)));
  expect(seen).toHaveLength(5);
});

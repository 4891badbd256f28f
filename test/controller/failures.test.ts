import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../src/common/wait.js';
import type { PlatformView, TotalsView } from '../../src/controller/views.js';
import { makeControllerRack, SEGMENT, type ControllerRack } from '../support/controller-rack.js';
import { standing } from './agreement.js';

const SEGMENTS = 8;
const NOTHING = { attached: [], memports: 0, granted: [], connected: [] };
const size = (segments: number): string => `0x${(SEGMENT * BigInt(segments)).toString(16)}`;
const DEADLINE = { timeoutMs: 40_000 };

let rack: ControllerRack;
beforeAll(async () => {
  rack = await makeControllerRack({
    ...{ computes: 1, memories: 2, segments: SEGMENTS },
    config: {
      timeouts: { callMs: 2_000, attachMs: 5_000, detachMs: 5_000, scrubMs: 5_000, retryMs: 100 },
      reconcile: { intervalMs: 100, maxBackoffMs: 300, lookMs: 2_000, lostAfterMs: 600_000 },
    },
  });
  await rack.startBricks();
  await rack.startController();
}, 60_000);
afterAll(() => rack.remove());

/** Over both memory bricks. */
async function create(): Promise<PlatformView> {
  const body = { cores: 1, remoteMemory: size(SEGMENTS + 2) };
  return (await rack.ask('POST', '/v1/platforms', body)) as PlatformView;
}

/** All that there was is gone, by itself. */
async function nothingLeft(): Promise<void> {
  await waitFor(
    'nothing to be left',
    async () => {
      const { totals, is } = await standing(rack);
      const free = totals.platforms === 0 && totals.segmentsFree === 2 * SEGMENTS;
      return free && is.attached.length === 0 ? true : undefined;
    },
    DEADLINE,
  );
  const found = await standing(rack);
  expect(found.is).toEqual(NOTHING);
  expect(found.totals).toMatchObject({ segmentsDirty: 0, coresFree: 8 });
  expect(rack.isZero()).toBe(true);
}

interface Refused {
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
}

async function refusal(command: Promise<unknown>): Promise<Refused> {
  const failed = await command.then(
    () => undefined,
    (error: Refused) => error,
  );
  expect(failed).toBeDefined();
  return failed!;
}

const DAEMONS = ['agent 0.0.0', 'lender 0.0.1', 'dbmc'] as const;

describe.each(DAEMONS)('while there is no %s', (name) => {
  test('a create is refused, with its step, and all of it goes when it is back', async () => {
    await rack.running.get(name)!.stop('SIGKILL');
    const { code, details } = await refusal(create());
    expect(code).toMatch(/^SDM_(STEP|FAILED)$/);
    expect(details).toMatchObject({ cause: 'SDM_UNREACHABLE' });
    expect(details['step']).toBe(
      { 'agent 0.0.0': 'attach', 'lender 0.0.1': 'grant', dbmc: 'wire' }[name],
    );
    await rack.start(name);
    await nothingLeft();
  }, 60_000);

  test('a release goes on, and is over when it is back', async () => {
    const { id, attachments } = await create();
    for (const { remote, size: bytes } of attachments) rack.dirty(BigInt(remote), BigInt(bytes));
    await rack.running.get(name)!.stop('SIGKILL');
    const released = rack.ask('DELETE', `/v1/platforms/${id}`);
    if (name === 'lender 0.0.1') {
      // nobody uses it any more: only its segments wait
      await released;
      const totals = (await rack.ask('GET', '/v1/totals')) as TotalsView;
      expect(totals).toMatchObject({ platforms: 0, segmentsDirty: expect.any(Number) });
      expect(totals.segmentsDirty).toBeGreaterThan(0);
    } else {
      expect(await refusal(released)).toMatchObject({
        code: 'SDM_FAILED',
        details: { cause: 'SDM_UNREACHABLE', platform: id },
      });
      expect(await rack.ask('GET', `/v1/platforms/${id}`)).toMatchObject({ state: 'releasing' });
    }
    await rack.start(name);
    await nothingLeft();
  }, 60_000);
});

const CRASHES = [
  ['agent 0.0.0', 'attach.journalled'],
  ['agent 0.0.0', 'up.program.after'],
  ['agent 0.0.0', 'attach.rested'],
  ['agent 0.0.0', 'detach.journalled'],
  ['agent 0.0.0', 'down.program.after'],
  ['agent 0.0.0', 'detach.forgotten'],
  ['lender 0.0.1', 'grant.checked'],
  ['lender 0.0.1', 'grant.journalled'],
  ['lender 0.0.1', 'drop.journalled'],
  ['lender 0.0.1', 'drop.scrubbed'],
  ['lender 0.0.1', 'scrub.proven'],
  ['dbmc', 'connect.before'],
  ['dbmc', 'connect.kept'],
  ['dbmc', 'connect.linked'],
  ['dbmc', 'disconnect.before'],
  ['dbmc', 'disconnect.kept'],
] as const;

test.each(CRASHES)(
  '%s is killed at %s: no leak, no double use',
  async (name, point) => {
    await rack.running.get(name)!.stop('SIGKILL');
    const daemon = await rack.start(name, { SDM_FAULT: point });
    const ended = new Promise((resolve) => daemon.process.once('close', resolve));
    const made = await create().catch(() => undefined);
    if (made !== undefined) {
      for (const { remote } of made.attachments) rack.dirty(BigInt(remote), SEGMENT);
      await rack.ask('DELETE', `/v1/platforms/${made.id}`).catch(() => {});
    }
    await ended;
    await rack.start(name);
    await nothingLeft();
  },
  60_000,
);

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlatformView } from '../../src/controller/views.js';
import { makeControllerRack, SEGMENT, type ControllerRack } from '../support/controller-rack.js';
import { standing } from './agreement.js';

const SEGMENTS = 8;
const size = (segments: number): string => `0x${(SEGMENT * BigInt(segments)).toString(16)}`;
const both = (...names: string[]): string[] =>
  names.flatMap((name) => [`${name}.before`, `${name}.after`]);
const UP = ['grant', 'wire', 'attach'];
const DOWN = ['detach', 'unwire', 'scrub'];

let rack: ControllerRack;
beforeAll(async () => {
  rack = await makeControllerRack({ computes: 1, memories: 2, segments: SEGMENTS });
  await rack.startBricks();
}, 60_000);
afterAll(() => rack.remove());

const create = (segments: number): Promise<unknown> =>
  rack.ask('POST', '/v1/platforms', { cores: 1, remoteMemory: size(segments) });

/** Starts a controller that ends itself at that point, has it do something, and sees it end there. */
async function crashAt(
  point: string,
  act: (kept: PlatformView) => Promise<unknown>,
): Promise<void> {
  const kept = await inLife(async () => {
    // over two memory bricks, so that its attachments are several
    const made = (await create(SEGMENTS + 2)) as PlatformView;
    rack.dirty(BigInt(made.attachments[0]!.remote), SEGMENT);
    return made;
  });
  const controller = await rack.startController({ SDM_FAULT: point });
  await expect(act(kept)).rejects.toMatchObject({ code: 'SDM_UNREACHABLE' });
  expect(await controller.stop()).toBeNull(); // by a signal: its own
}

/** A controller from start to stop. */
async function inLife<T>(act: () => Promise<T>): Promise<T> {
  const controller = await rack.startController();
  const result = await act();
  expect(await controller.stop()).toBe(0);
  return result;
}

/** All that is there is in use and as it should be; then it goes, and nothing is left. */
async function agreesAndGoes(platforms: number): Promise<void> {
  await inLife(async () => {
    const found = await standing(rack);
    expect(found.is).toEqual(found.should);
    expect(found.platforms.map(({ state }) => state)).toEqual(
      Array.from({ length: platforms }, () => 'active'),
    );
    const used = found.platforms.flatMap((each) => each.attachments);
    const segments = used.reduce((sum, { count }) => sum + count, 0);
    expect(found.totals).toMatchObject({
      segmentsFree: 2 * SEGMENTS - segments,
      segmentsDirty: 0,
    });
    for (const { id } of found.platforms) await rack.ask('DELETE', `/v1/platforms/${id}`);
    const after = await standing(rack);
    expect(after.is).toEqual({ attached: [], memports: 0, granted: [], connected: [] });
    expect(after.totals).toMatchObject({ segmentsFree: 2 * SEGMENTS, coresFree: 8, platforms: 0 });
    expect(rack.isZero()).toBe(true);
  });
}

describe('the controller is killed while it', () => {
  test.each(both('allocate.begin', ...UP, 'allocate.active'))(
    'creates a platform, at %s',
    async (point) => {
      await crashAt(point, () => create(2));
      await agreesAndGoes(point === 'allocate.active.after' ? 2 : 1);
    },
    60_000,
  );

  test.each(both('grow.begin', ...UP, 'grow.active'))(
    'gives a platform more, at %s',
    async (point) => {
      await crashAt(point, ({ id }) =>
        rack.ask('POST', `/v1/platforms/${id}/memory`, { size: size(2) }),
      );
      await agreesAndGoes(1);
    },
    60_000,
  );

  test.each(both('shrink.begin', ...DOWN, 'shrink.end'))(
    'takes from a platform, at %s',
    async (point) => {
      await crashAt(point, ({ id }) =>
        rack.ask('DELETE', `/v1/platforms/${id}/memory?size=${size(2)}`),
      );
      await agreesAndGoes(1);
    },
    60_000,
  );

  test.each(both('release.begin', ...DOWN, 'release.end'))(
    'releases a platform, at %s',
    async (point) => {
      await crashAt(point, ({ id }) => rack.ask('DELETE', `/v1/platforms/${id}`));
      await agreesAndGoes(point === 'release.begin.before' ? 1 : 0);
    },
    60_000,
  );

  test.each([...both(...DOWN, 'undo.end', 'epoch'), 'start.loaded', 'start.reconciled'])(
    'starts again after a crash, at %s',
    async (point) => {
      await crashAt('attach.after', () => create(2));
      await expect(rack.startController({ SDM_FAULT: point })).rejects.toMatchObject({
        code: 'SDM_COMMAND',
      });
      await agreesAndGoes(1);
    },
    60_000,
  );
});

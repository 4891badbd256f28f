import { afterEach, describe, expect, test } from 'vitest';
import type { Agent } from '../../../src/agent/agent.js';
import { brickTable } from '../../../src/agent/probe/table.js';
import { probeThroughAgent } from '../../../src/agent/probe/collect.js';
import type { Checks } from '../../../src/agent/types.js';
import { makeZynq, type ZynqBrick } from './brick.js';

const UNIT = 0x1000_0000n;
const BASE = 0x4_0000_0000n;

let brick: ZynqBrick;
let agent: Agent;
async function start(checks?: Checks): Promise<void> {
  brick = makeZynq(checks === undefined ? {} : { checks });
  agent = await brick.open();
}
afterEach(async () => {
  await agent.close();
  brick.remove();
});

const first = { start: BASE, size: UNIT, remote: UNIT };
const askew = { start: BASE + UNIT, size: UNIT, remote: UNIT + 1n };
const same = { start: BASE + UNIT, size: UNIT, remote: UNIT };

describe('a memport set by hand, and an attachment', () => {
  test.each<[string, Checks | undefined, typeof first, string | undefined, string | undefined]>([
    ['all checks: askew', undefined, askew, 'SDM_RANGE_TAKEN', 'SDM_INPUT'],
    ['all checks: the same bytes', undefined, same, 'SDM_RANGE_TAKEN', 'SDM_RANGE_TAKEN'],
    [
      'alignment off: the same bytes',
      { alignment: false, remoteOverlap: true },
      same,
      'SDM_RANGE_TAKEN',
      'SDM_RANGE_TAKEN',
    ],
    [
      'overlap off: askew',
      { alignment: true, remoteOverlap: false },
      askew,
      'SDM_MEMPORT_REFUSED',
      'SDM_INPUT',
    ],
    [
      'overlap off: the same bytes',
      { alignment: true, remoteOverlap: false },
      same,
      undefined,
      undefined,
    ],
    ['both off: askew', { alignment: false, remoteOverlap: false }, askew, undefined, undefined],
  ])('%s', async (_, checks, spec, byHand, attached) => {
    await start(checks);
    await agent.setMemport(0, first);
    const outcome = (promise: Promise<unknown>) =>
      promise.then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
    expect(await outcome(agent.setMemport(1, spec))).toBe(byHand);
    if (byHand === undefined) await agent.clearMemport(1);
    expect(await outcome(agent.attach({ mode: 'device', ...spec }))).toBe(attached);
    expect(brick.set().length).toBe(attached === undefined ? 2 : 1);
  });
});

describe('probe', () => {
  test.each<[Checks | undefined, string | undefined]>([
    [undefined, undefined],
    [{ alignment: true, remoteOverlap: true }, undefined],
    [{ alignment: false, remoteOverlap: true }, 'alignment'],
    [{ alignment: false, remoteOverlap: false }, 'alignment, remote overlap'],
  ])('%j shows what is not checked: %s', async (checks, shown) => {
    await start(checks);
    const probed = probeThroughAgent(agent, brick.config);
    expect(probed.registers!.checks).toEqual(checks ?? { alignment: true, remoteOverlap: true });
    const line = /^ {2}not checked +(.*)$/m.exec(brickTable(probed))?.[1];
    expect(line).toBe(shown);
  });
});

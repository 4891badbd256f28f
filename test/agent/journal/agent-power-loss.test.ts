import { describe, expect, test } from 'vitest';
import { FAULT_POINTS } from '../../../src/agent/faults.js';
import type { AttachmentMode, Caller } from '../../../src/agent/types.js';
import { MIB } from '../brick.js';
import { BLOCK, PoweredBrick, type AgentOnBrick, type End } from './powered-brick.js';

const ENDS: readonly End[] = [
  'killed',
  'power lost, registers kept',
  'power lost, registers cleared',
];
const SIZE = 2n * BLOCK;
const RACK: Caller = { owner: 'rack', epoch: 1n };
const NEXT: Caller = { owner: 'next', epoch: 2n };
/** Longest wait for an agent to come to a place; nothing that it does there takes time. */
const ARRIVE_MS = 10_000;

/** What a power loss leaves of what was not synced: nothing, or something of it. */
const LOSSES = [
  (): number => 0,
  (
    (i) => (n: number) =>
      i++ % n
  )(0),
] as const;

interface Scenario {
  readonly name: string;
  before(brick: AgentOnBrick): Promise<unknown>;
  command(brick: AgentOnBrick): Promise<unknown>;
}

const attach = (mode: AttachmentMode, caller?: Caller) => (on: AgentOnBrick) =>
  on.agent.attach({ id: 'v', mode, size: SIZE }, caller);
const nothing = () => Promise.resolve();
const byHand = { start: 16n * MIB, size: BLOCK, remote: 16n * MIB };

const SCENARIOS: readonly Scenario[] = [
  ...(['system-ram', 'device'] as const).flatMap((mode): Scenario[] => [
    { name: `attach ${mode}`, before: nothing, command: attach(mode) },
    {
      name: `attach ${mode} that fails`,
      before: nothing,
      command: (on) => attach(mode)(on),
    },
    {
      name: `detach ${mode}`,
      before: attach(mode),
      command: ({ agent }) => agent.detach('v'),
    },
  ]),
  { name: 'attach by a controller', before: nothing, command: attach('system-ram', RACK) },
  { name: 'a new term', before: nothing, command: attach('device', NEXT) },
  {
    name: 'set a memport',
    before: nothing,
    command: ({ agent }) => agent.setMemport(20, byHand),
  },
  {
    name: 'clear a memport',
    before: ({ agent }) => agent.setMemport(20, byHand),
    command: ({ agent }) => agent.clearMemport(20),
  },
];

/** In use before the command, and not touched by it. */
async function bystanders({ agent }: AgentOnBrick): Promise<void> {
  await agent.attach({ id: 'k', mode: 'system-ram', size: SIZE });
  await agent.attach({ id: 'c', mode: 'device', size: SIZE }, RACK);
  await agent.setMemport(9, { start: 4n * MIB, size: BLOCK, remote: 4n * MIB });
}

/** Takes a brick to just before the command. */
async function prepare(brick: PoweredBrick, scenario: Scenario, on: AgentOnBrick): Promise<void> {
  await on.agent.reconcile();
  await bystanders(on);
  await scenario.before(on);
  if (!scenario.name.endsWith('that fails')) return;
  brick.memory.failAfter = true;
  brick.memory.faults.set(scenario.name.includes('device') ? 'expose' : 'online', 1);
}

/** The places that a command comes by, in order, and then those of the next start. */
async function pointsOf(
  scenario: Scenario,
  end: End,
): Promise<{ command: string[]; start: string[] }> {
  const brick = new PoweredBrick();
  const points: string[] = [];
  const on = await brick.start((point) => points.push(point));
  await prepare(brick, scenario, on);
  points.length = 0;
  await scenario.command(on).catch(() => {});
  const command = [...new Set(points)];
  brick.end(end, LOSSES[0]);
  const next: string[] = [];
  await (await brick.start((point) => next.push(point))).agent.reconcile();
  brick.remove();
  return { command, start: [...new Set(next)] };
}

async function within(what: string, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ARRIVE_MS} ms for ${what}`)), ARRIVE_MS);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What was there before is there again: used, or waiting for its controller after a boot. */
function expectBystanders({ agent }: AgentOnBrick, end: End): void {
  expect(agent.getAttachment('k')).toMatchObject({ state: 'online' });
  expect(agent.getAttachment('c').waits).toBe(end === 'killed' ? undefined : 'controller');
  expect(agent.memport(9)).toMatchObject({ set: true, owner: 'manual' });
}

/** Another agent begins, and one after it: the second finds nothing to do. */
async function expectRecovery(brick: PoweredBrick, scenario: Scenario, end: End, acked: boolean) {
  const on = await brick.start();
  await on.agent.reconcile();
  brick.expectConverged(on);
  expectBystanders(on, end);
  const { agent } = on;
  const ids = agent.listAttachments().map(({ id }) => id);
  if (acked && scenario.name.startsWith('attach')) expect(ids).toContain('v');
  if (acked && scenario.name.startsWith('detach')) expect(ids).not.toContain('v');
  if (acked && scenario.name === 'a new term') {
    await expect(agent.detach('c', {}, RACK)).rejects.toMatchObject({ code: 'SDM_STALE_EPOCH' });
  }
  const picture = ({ agent }: AgentOnBrick): unknown[] => [
    agent.listAttachments(),
    agent.memports(),
    brick.memory.added.length,
    brick.memory.scrubbed.length,
  ];
  const seen = picture(on);
  await agent.close();
  const again = await brick.start();
  await again.agent.reconcile();
  expect(picture(again)).toEqual(seen);
  await again.agent.close();
}

const reached = new Set<string>();
const scenarios: [string, Scenario][] = SCENARIOS.map((scenario) => [scenario.name, scenario]);

describe.each(scenarios)('%s', (_name, scenario) => {
  test.each(ENDS)('%s at every point of it', { timeout: 240_000 }, async (end) => {
    const { command } = await pointsOf(scenario, end);
    expect(command).not.toEqual([]);
    for (const point of command) {
      reached.add(point);
      for (const choose of end === 'killed' ? LOSSES.slice(0, 1) : LOSSES) {
        const brick = new PoweredBrick();
        const on = await brick.start();
        await prepare(brick, scenario, on);
        const arrived = on.dieAt(point);
        let acked = false;
        void scenario.command(on).then(
          () => (acked = true),
          () => {},
        );
        await within(point, arrived);
        brick.end(end, choose);
        await expectRecovery(brick, scenario, end, acked);
        brick.remove();
      }
    }
  });

  test.each(ENDS)(
    '%s after it, and again at every point of recovery',
    { timeout: 240_000 },
    async (end) => {
      const { start } = await pointsOf(scenario, end);
      for (const point of start) {
        reached.add(point);
        const brick = new PoweredBrick();
        const on = await brick.start();
        await prepare(brick, scenario, on);
        const acked = await scenario.command(on).then(
          () => true,
          () => false,
        );
        brick.end(end, LOSSES[0]);
        const again = await brick.start(undefined, point);
        await within(point, again.dieAt(point));
        brick.end(end, LOSSES[0]);
        await expectRecovery(brick, scenario, end, acked);
        brick.remove();
      }
    },
  );
});

test('every point that there is was one of them', () => {
  expect(FAULT_POINTS.filter((point) => !reached.has(point))).toEqual([]);
});

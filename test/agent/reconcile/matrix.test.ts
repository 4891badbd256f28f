import { expect, describe, test } from 'vitest';
import { FAULT_POINTS } from '../../../src/agent/faults.js';
import { LOCAL, type AttachmentMode, type Caller } from '../../../src/agent/types.js';
import type { MortalAgent } from './crash.js';
import {
  begin,
  crash,
  makeWorld,
  RACK,
  SIZE,
  SPEC,
  start,
  type Boot,
  type StartOptions,
  type World,
} from './world.js';

const MODES: readonly AttachmentMode[] = ['system-ram', 'device'];

/** Holds after every reconcile: what is set is owned, and what there is is in use, or waits. */
function checkConverged({ agent }: MortalAgent, { memory, journal }: World): void {
  const attachments = agent.listAttachments();
  const set = agent.memports().filter((port) => port.set);
  for (const port of set) expect(['attachment', 'manual']).toContain(port.owner);
  for (const a of attachments) {
    const region = memory.region(a);
    const ports = set.filter((port) => port.attachment === a.id);
    if (a.waits !== undefined) {
      expect(a).toMatchObject({ state: 'reserved', steps: [] });
      expect([region, ports]).toEqual([undefined, []]);
      continue;
    }
    expect(a.state).toBe(a.mode === 'device' ? 'present' : 'online');
    expect(ports).toMatchObject([
      { port: a.memport, start: a.start, end: a.end, remote: a.remote, by: a.owner },
    ]);
    expect(region).toMatchObject({ state: a.mode === 'device' ? 'device' : 'ram', node: a.node });
    expect([...(region?.online ?? [])]).toEqual(a.blocks ?? []);
  }
  const used = attachments.filter((a) => a.waits === undefined);
  expect([...memory.regions.values()].map(({ range }) => range.start).sort()).toEqual(
    used.map((a) => a.start).sort(),
  );
  const known = journal.state();
  expect([...known.attachments.values()].map(({ record, doing }) => [record.id, doing])).toEqual(
    attachments.map(({ id }) => [id, undefined]),
  );
  expect([...known.memports.keys()]).toEqual(
    agent.memports().flatMap((port) => (port.owner === 'manual' ? [port.port] : [])),
  );
  expect(known.policy).toBeNull();
}

/** Everything that an agent could have changed. */
function picture({ agent }: MortalAgent, { memory, journal }: World): unknown {
  return [
    agent.listAttachments(),
    agent.memports(),
    [...memory.regions.values()].map((region) => ({ ...region, online: [...region.online] })),
    [...memory.dirty],
    memory.added.length,
    memory.scrubbed.length,
    journal.kinds().length,
  ];
}

/** Another agent after one that ended in order finds nothing to do. */
async function checkIdle(mortal: MortalAgent, world: World): Promise<void> {
  const before = picture(mortal, world);
  await mortal.end();
  const next = await begin(world);
  expect(picture(next, world)).toEqual(before);
  await next.end();
}

/** What is commanded when the agent dies; v is what it happens to, k only looks on. */
interface Scenario {
  readonly name: string;
  /** @returns the agent that is commanded: the same, or a later one. */
  before(mortal: MortalAgent, world: World, options?: StartOptions): Promise<MortalAgent>;
  command(mortal: MortalAgent): Promise<unknown>;
}

function scenarios(mode: AttachmentMode, caller: Caller, retain: boolean): Scenario[] {
  const attach = ({ agent }: MortalAgent) =>
    agent.attach({ id: 'v', mode, size: SIZE, retain }, caller);
  const detach = ({ agent }: MortalAgent) => agent.detach('v', {}, caller);
  /** Attached, and given back as far as the bytes: they are not zeroed, unless they are to stay. */
  const fail = async (mortal: MortalAgent, { memory }: World): Promise<void> => {
    await attach(mortal);
    memory.faults.set(retain ? 'release' : 'scrub', 1);
    await expect(detach(mortal)).rejects.toMatchObject({ code: 'SDM_FAILED' });
  };
  const waiting: Scenario = {
    name: 'detach of what waits',
    before: async (mortal, world, options) => {
      await attach(mortal);
      crash(world, mortal, 'none', 'registers kept');
      const later = await begin(world, options);
      expect(later.agent.getAttachment('v')).toMatchObject({ waits: 'controller' });
      return later;
    },
    command: detach,
  };
  return [
    { name: 'attach', before: (mortal) => Promise.resolve(mortal), command: attach },
    {
      name: 'attach that fails',
      before: (mortal, { memory }) => {
        memory.faults.set(mode === 'device' ? 'expose' : 'online', 1);
        memory.failAfter = true;
        return Promise.resolve(mortal);
      },
      command: (mortal) => attach(mortal).catch(() => {}),
    },
    {
      name: 'detach',
      before: async (mortal) => {
        await attach(mortal);
        return mortal;
      },
      command: detach,
    },
    {
      name: 'detach of what failed',
      before: async (mortal, world) => {
        await fail(mortal, world);
        return mortal;
      },
      command: detach,
    },
    {
      name: 'detach of what failed, and lost its memport to an override',
      before: async (mortal, world) => {
        await fail(mortal, world);
        const { memport } = mortal.agent.getAttachment('v');
        await mortal.agent.clearMemport(memport, { override: true });
        return mortal;
      },
      command: detach,
    },
    ...(caller === LOCAL ? [] : [waiting]),
  ];
}

/** The bystander, and a memport by hand: both in use before, and never touched. */
async function settle({ agent }: MortalAgent): Promise<void> {
  await agent.attach({ id: 'k', mode: 'system-ram', size: SIZE });
  await agent.setMemport(9, SPEC);
}

/** Every point that a command comes by, in order. */
async function pointsOf(scenario: Scenario): Promise<string[]> {
  const world = makeWorld();
  const points: string[] = [];
  const options = { visit: (point: string) => points.push(point) };
  let mortal = await start(world, options);
  await settle(mortal);
  mortal = await scenario.before(mortal, world, options);
  points.length = 0;
  await scenario.command(mortal);
  await mortal.end();
  world.brick.remove();
  return [...new Set(points)];
}

/** A brick whose agent was killed at a point of a command. */
interface Killed {
  readonly world: World;
  /** Of v, where that was there. */
  readonly remote: bigint | undefined;
}

/** @param lost what of the journal; see TestJournal.crashed. */
async function killedAt(
  scenario: Scenario,
  point: string,
  lost: 'none' | 'unsafe',
  boot: Boot,
): Promise<Killed> {
  const world = makeWorld();
  let mortal = await start(world);
  await settle(mortal);
  mortal = await scenario.before(mortal, world);
  mortal.dieAt = point;
  void scenario.command(mortal);
  await mortal.arrived();
  const remote = mortal.agent.listAttachments().find((a) => a.id === 'v')?.remote;
  crash(world, mortal, lost, boot);
  return { world, remote };
}

/** What v must be, having died at a point. */
function expectedState(scenario: Scenario, point: string, boot: Boot, caller: Caller): string {
  const rests = scenario.name === 'attach' && point === 'attach.rested';
  if (!rests) return 'gone';
  return boot === 'same boot' || caller === LOCAL ? 'in use' : 'waits';
}

function stateOf({ agent }: MortalAgent, id: string): string {
  const found = agent.listAttachments().find((a) => a.id === id);
  if (found === undefined) return 'gone';
  return found.waits === undefined ? 'in use' : 'waits';
}

const reached = new Set<string>();

describe.each(MODES)('%s: an agent that is killed', (mode) => {
  describe.each(['same boot', 'registers kept', 'registers cleared'] as const)('%s', (boot) => {
    test.each([
      ['local', LOCAL, false],
      ['local, retained', LOCAL, true],
      ['a controller', RACK, false],
    ] as const)(
      'at every point of a command of %s',
      { timeout: 120_000 },
      async (_, caller, retain) => {
        for (const scenario of scenarios(mode, caller, retain)) {
          const points = await pointsOf(scenario);
          for (const point of points) {
            reached.add(point);
            for (const lost of ['none', 'unsafe'] as const) {
              const { world, remote } = await killedAt(scenario, point, lost, boot);
              const calls = world.memory.calls.length;

              const mortal = await begin(world);
              const where = `${scenario.name}, ${point}, lost: ${lost}`;
              checkConverged(mortal, world);
              expect([where, stateOf(mortal, 'v')]).toEqual([
                where,
                expectedState(scenario, point, boot, caller),
              ]);
              expect([where, stateOf(mortal, 'k')]).toEqual([where, 'in use']);
              expect(mortal.agent.memport(9)).toMatchObject({ set: true, owner: 'manual' });
              if (stateOf(mortal, 'v') === 'gone' && remote !== undefined && !retain) {
                expect([where, world.memory.dirty.has(remote)]).toEqual([where, false]);
              }
              const kept = mortal.agent.getAttachment('k');
              expect(world.memory.dirty.has(kept.remote)).toBe(true);
              expect(world.memory.scrubbed.map((range) => range.start)).not.toContain(kept.start);
              if (retain) expect(world.memory.scrubbed.length).toBe(0);
              if (boot === 'same boot') {
                // what is in use stays so: nothing was taken from it and given back
                const since = world.memory.calls.slice(calls);
                if (stateOf(mortal, 'v') !== 'gone') expect(since).not.toContain('remove');
                expect(
                  world.memory.added.filter((range) => range.start === kept.start),
                ).toHaveLength(1);
              }
              await checkIdle(mortal, world);
              world.brick.remove();
            }
          }
        }
      },
    );
  });
});

describe('an agent that is killed again while it recovers', () => {
  test.each(
    MODES.flatMap((mode) =>
      (['same boot', 'registers kept'] as const).map((boot) => [mode, boot] as const),
    ),
  )('%s, %s: converges', { timeout: 120_000 }, async (mode, boot) => {
    for (const scenario of scenarios(mode, LOCAL, false)) {
      // the one that also lost its memport goes by every place that this one does
      if (scenario.name === 'detach of what failed') continue;
      for (const point of await pointsOf(scenario)) {
        const again = new Set<string>();
        const { world } = await killedAt(scenario, point, 'unsafe', boot);
        await (await start(world, { visit: (place) => again.add(place) })).end();
        world.brick.remove();
        for (const place of again) {
          reached.add(place);
          const { world } = await killedAt(scenario, point, 'unsafe', boot);
          let mortal = await start(world, { dieAt: place });
          await mortal.arrived();
          crash(world, mortal, 'unsafe', 'same boot');
          mortal = await begin(world);
          checkConverged(mortal, world);
          const where = `${scenario.name}, ${point}, then ${place}`;
          expect([where, stateOf(mortal, 'k')]).toEqual([where, 'in use']);
          expect([where, stateOf(mortal, 'v')]).toEqual([
            where,
            expectedState(scenario, point, boot, LOCAL),
          ]);
          await checkIdle(mortal, world);
          world.brick.remove();
        }
      }
    }
  });
});

test('the list of points names those that there are', () => {
  const elsewhere = ['policy.', 'memport.'];
  expect([...reached].sort()).toEqual(
    FAULT_POINTS.filter((point) => !elsewhere.some((prefix) => point.startsWith(prefix))).sort(),
  );
});

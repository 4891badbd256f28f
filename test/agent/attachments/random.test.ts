import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Agent } from '../../../src/agent/agent.js';
import { makeBrick, MIB } from '../brick.js';
import { ModelMemory, type FaultPoint } from '../model-memory.js';

const IDS = ['a', 'b', 'c', 'd', 'e'] as const;
const FAULTS: FaultPoint[] = ['claim', 'add', 'online', 'offline', 'remove', 'expose', 'scrub'];

const command = fc.oneof(
  fc.record({
    do: fc.constant('attach' as const),
    id: fc.constantFrom(...IDS),
    mode: fc.constantFrom('system-ram' as const, 'device' as const),
    blocks: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ do: fc.constant('detach' as const), id: fc.constantFrom(...IDS) }),
  fc.record({ do: fc.constant('fault' as const), point: fc.constantFrom(...FAULTS) }),
  fc.record({ do: fc.constant('set' as const), port: fc.integer({ min: 0, max: 7 }) }),
  fc.record({
    do: fc.constant('clear' as const),
    port: fc.integer({ min: 0, max: 7 }),
    override: fc.boolean(),
  }),
);

/** Holds after every command, whatever came before it. */
function check(agent: Agent, memory: ModelMemory): void {
  const attachments = agent.listAttachments();
  const set = agent.memports().filter((port) => port.set);
  // registers: what is set is owned, and every attachment in use is set, to its own range
  for (const port of set) expect(port.owner).not.toBe('foreign');
  for (const a of attachments) {
    if (a.state === 'failed') continue;
    expect(['online', 'present']).toContain(a.state);
    expect(set.find((port) => port.attachment === a.id)).toMatchObject({
      port: a.memport,
      start: a.start,
      end: a.end,
      remote: a.remote,
    });
    const region = memory.region(a);
    expect(region?.state).toBe(a.mode === 'device' ? 'device' : 'ram');
    if (a.mode === 'system-ram') expect(region?.online.size).toBe(a.blocks?.length);
  }
  // whoever reaches bytes through the kernel reaches those that the memport was set for
  for (const { range, state } of memory.regions.values()) {
    if (state === 'absent') continue;
    const leads = set.filter((port) => port.start === range.start && port.remote === range.remote);
    expect(leads).toHaveLength(1);
  }
  // the kernel holds nothing that is nobody's
  const owned = new Set(attachments.map((a) => a.start));
  for (const { range } of memory.regions.values()) expect(owned.has(range.start)).toBe(true);
  // ranges are disjoint, attachments' and those set by hand together
  const spans = [
    ...attachments.map((a) => [a.remote, a.remote + a.size] as const),
    ...set
      .filter((port) => port.owner === 'manual')
      .map((port) => [port.remote!, port.remote! + (port.end - port.start) + 1n] as const),
  ].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  spans.slice(1).forEach((span, i) => expect(span[0]).toBeGreaterThanOrEqual(spans[i]![1]));
}

describe('random commands against a model of the kernel', () => {
  test('registers, kernel and table agree after each', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
        const brick = makeBrick({ poolSize: 128n * MIB, format: { nports: 8 } });
        const memory = new ModelMemory(4n * MIB);
        const agent = await Agent.open(brick.config, { memory });
        try {
          for (const c of commands) {
            const done = ((): Promise<unknown> => {
              switch (c.do) {
                case 'attach':
                  return agent.attach({
                    id: c.id,
                    mode: c.mode,
                    size: BigInt(c.blocks) * 4n * MIB,
                  });
                case 'detach':
                  return agent.detach(c.id);
                case 'set': {
                  const at = 64n * MIB + BigInt(c.port) * 6n * MIB;
                  return agent.setMemport(c.port, { start: at, size: 2n * MIB, remote: at });
                }
                case 'clear':
                  return agent.clearMemport(c.port, { override: c.override });
                case 'fault':
                  memory.faults.set(c.point, 1);
                  return Promise.resolve();
              }
            })();
            await done.catch((error: { code?: string }) => {
              expect(error.code).toMatch(/^SDM_/);
              expect(error.code).not.toBe('SDM_INTERNAL');
            });
            check(agent, memory);
          }
          // whatever happened, all of it can be given back
          memory.faults.clear();
          for (const { id } of agent.listAttachments()) await agent.detach(id);
          expect(memory.regions.size).toBe(0);
          expect(memory.dirty.size).toBe(0);
          expect(agent.memports().filter((p) => p.set && p.owner !== 'manual')).toEqual([]);
        } finally {
          await agent.close();
          brick.remove();
        }
      }),
      { numRuns: 60 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Agent } from '../../../src/agent/agent.js';
import { LOCAL, type Caller } from '../../../src/agent/types.js';
import { makeBrick, MIB } from '../brick.js';
import { ModelMemory } from '../model-memory.js';
import { TestJournal } from '../test-journal.js';
import { Model, type Command, type Outcome, type Seen } from './model.js';

const UNIT = 2n * MIB;
/** Memports that are set by hand, above those that attachments get. */
const HAND = [24, 25] as const;

const spec = (port: number) => {
  const start = 32n * MIB - BigInt(port - HAND[0] + 1) * UNIT;
  return { start, size: UNIT, remote: start };
};

/** Two controllers take turns with ever higher epochs, and now and then an old one speaks. */
const caller: fc.Arbitrary<Caller> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(LOCAL) },
  {
    weight: 3,
    arbitrary: fc
      .record({ owner: fc.constantFrom('rack-a', 'rack-b'), epoch: fc.integer({ min: 1, max: 4 }) })
      .map(({ owner, epoch }) => ({ owner, epoch: BigInt(epoch) })),
  },
);
const id = fc.constantFrom('a', 'b', 'c');
const port = fc.constantFrom(...HAND);
const override = fc.boolean();
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    do: fc.constant('attach' as const),
    id,
    units: fc.integer({ min: 1, max: 2 }),
    caller,
  }),
  fc.record({ do: fc.constant('detach' as const), id, override, caller }),
  fc.record({ do: fc.constant('set' as const), port, override, caller }),
  fc.record({ do: fc.constant('clear' as const), port, override, caller }),
);
/** Commands that come at the same time, and how often the journal is asked to wait for more. */
const batch = fc.record({
  commands: fc.array(command, { minLength: 1, maxLength: 4 }),
  held: fc.boolean(),
});

async function run(agent: Agent, c: Command): Promise<Outcome> {
  const outcome = async (): Promise<Outcome> => {
    switch (c.do) {
      case 'attach': {
        const size = BigInt(c.units) * UNIT;
        return (await agent.attach({ id: c.id, mode: 'device', size }, c.caller)).owner;
      }
      case 'detach': {
        const freed = await agent.detach(c.id, { override: c.override }, c.caller);
        return `${freed.state} of ${freed.owner}`;
      }
      case 'set':
        return (
          (await agent.setMemport(c.port, spec(c.port), { override: c.override }, c.caller)).by ??
          ''
        );
      case 'clear':
        return (await agent.clearMemport(c.port, { override: c.override }, c.caller)).by ?? '';
    }
  };
  return outcome().catch((error: { code?: string }) => error.code ?? String(error));
}

function seen(agent: Agent): Seen {
  const epoch = agent.journal().epoch;
  return {
    term: epoch === undefined ? 'none' : `${epoch.controller} ${epoch.epoch}`,
    attachments: Object.fromEntries(
      agent.listAttachments().map((a) => [a.id, `${a.size / UNIT} of ${a.owner}`]),
    ),
    ports: Object.fromEntries(
      agent
        .memports()
        .flatMap(({ port, owner, by }) => (owner === 'manual' ? [[port, by ?? '']] : [])),
    ),
  };
}

/** Holds whatever was commanded: nothing is owned twice, and all that is set is owned. */
function checkBrick(agent: Agent, memory: ModelMemory, journal: TestJournal): void {
  const attachments = agent.listAttachments();
  const known = journal.state();
  expect(
    [...known.attachments.values()].map(({ record, doing }) => [record.id, record.owner, doing]),
  ).toEqual(attachments.map((a) => [a.id, a.owner, undefined]));
  const byHand = agent.memports().filter((found) => found.owner === 'manual');
  expect([...known.memports].map(([port, { by }]) => [port, by]).sort()).toEqual(
    byHand.map((found) => [found.port, found.by]),
  );
  const set = agent.memports().filter((found) => found.set);
  for (const found of set) expect(['attachment', 'manual']).toContain(found.owner);
  for (const a of attachments) {
    expect(a.state).toBe('present');
    expect(set.filter((found) => found.attachment === a.id)).toMatchObject([
      { port: a.memport, start: a.start, end: a.end, remote: a.remote, by: a.owner },
    ]);
  }
  expect([...memory.regions.values()].map(({ range }) => range.start).sort()).toEqual(
    attachments.map((a) => a.start).sort(),
  );
  const spans = set.map((found) => [found.remote!, found.remote! + (found.end - found.start)]);
  spans.sort((a, b) => (a[0]! < b[0]! ? -1 : 1));
  spans.slice(1).forEach((span, i) => expect(span[0]! > spans[i]![1]!).toBe(true));
}

function* orders<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length <= 1) yield items;
  for (const [i, first] of items.entries()) {
    for (const rest of orders([...items.slice(0, i), ...items.slice(i + 1)]))
      yield [first, ...rest];
  }
}

/** The model after an order of the commands that gives these outcomes and what is seen. */
function explain(
  model: Model,
  commands: readonly Command[],
  outcomes: readonly Outcome[],
  found: Seen,
): Model | undefined {
  for (const order of orders([...commands.keys()])) {
    const copy = model.copy();
    if (!order.every((i) => copy.run(commands[i]!) === outcomes[i])) continue;
    if (JSON.stringify(sorted(copy.seen())) === JSON.stringify(sorted(found))) return copy;
  }
  return undefined;
}

function sorted({ term, attachments, ports }: Seen): unknown {
  return [term, Object.entries(attachments).sort(), Object.entries(ports).sort()];
}

describe('two controllers, people, and commands at the same time', () => {
  test('end as if one command had come after another', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 8 }), async (batches) => {
        const brick = makeBrick();
        const memory = new ModelMemory(UNIT);
        const journal = new TestJournal();
        const agent = await Agent.open(brick.config, { memory, journal });
        await agent.reconcile();
        let model = new Model();
        try {
          for (const { commands, held } of batches) {
            if (held) journal.hold();
            const running = Promise.all(commands.map((c) => run(agent, c)));
            let done = false;
            void running.then(() => (done = true));
            while (held && !done) await journal.releaseWaiting();
            const outcomes = await running;
            await journal.release();
            checkBrick(agent, memory, journal);
            const next = explain(model, commands, outcomes, seen(agent));
            expect(next, JSON.stringify({ outcomes, seen: seen(agent) })).toBeDefined();
            model = next!;
          }
        } finally {
          await journal.release();
          await agent.close();
          brick.remove();
        }
      }),
      { numRuns: 150 },
    );
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LOCAL, type AttachmentMode } from '../../../src/agent/types.js';
import { MIB } from '../brick.js';
import { BLOCK, PoweredBrick, type AgentOnBrick, type End } from './powered-brick.js';

const ENDS: readonly End[] = [
  'killed',
  'power lost, registers kept',
  'power lost, registers cleared',
];
/** Each client has a name of its own, so that its commands follow one another. */
const CLIENTS = ['a', 'b', 'c', 'd'] as const;
const PORT = 20;
const BY_HAND = { start: 4n * MIB, size: BLOCK, remote: 4n * MIB };

const command = fc.oneof(
  fc.record({
    do: fc.constant('attach' as const),
    mode: fc.constantFrom<AttachmentMode>('system-ram', 'device'),
    blocks: fc.integer({ min: 1, max: 2 }),
  }),
  fc.constant({ do: 'detach' as const }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** One life of an agent: what its clients ask for, and at which call to the disk it ends. */
const life = fc.record({
  clients: fc.tuple(...CLIENTS.map(() => fc.array(command, { maxLength: 4 }))),
  memports: fc.array(fc.boolean(), { maxLength: 3 }),
  calls: fc.integer({ min: 0, max: 25 }),
  end: fc.constantFrom(...ENDS),
  seed: fc.nat(),
});
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;

type Place = Readonly<Record<'start' | 'remote' | 'memport', unknown>>;
/** What clients were told last; `asked`: they wait for an answer that will not come. */
type Told = Map<string, Place | 'set' | 'gone' | 'asked'>;

/** Asks, and keeps what was answered: a refusal leaves things as they were. */
async function ask(told: Told, key: string, question: () => Promise<Place | 'set' | 'gone'>) {
  const before = told.get(key) ?? 'gone';
  told.set(key, 'asked');
  told.set(key, await question().catch(() => before));
}

const placeOf = ({ start, remote, memport }: Place): Place => ({ start, remote, memport });

async function client({ agent }: AgentOnBrick, id: string, commands: Command[], told: Told) {
  for (const { do: what, ...more } of commands) {
    await ask(told, id, async () => {
      if (what === 'detach') return agent.detach(id).then(() => 'gone' as const);
      const { mode, blocks } = more as Extract<Command, { do: 'attach' }>;
      return placeOf(await agent.attach({ id, mode, size: BigInt(blocks) * BLOCK }, LOCAL));
    });
  }
}

async function byHand({ agent }: AgentOnBrick, settings: readonly boolean[], told: Told) {
  for (const set of settings) {
    await ask(told, 'memport', async () => {
      if (set) await agent.setMemport(PORT, BY_HAND);
      else await agent.clearMemport(PORT);
      return set ? 'set' : 'gone';
    });
  }
}

/** Lives until the call to the disk at which it ends. @returns what the clients know then. */
async function live(brick: PoweredBrick, on: AgentOnBrick, life: Life, told: Told): Promise<Told> {
  let calls = 0;
  let state = life.seed >>> 0;
  const choose = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  return new Promise((resolve) => {
    const end = (): void => {
      brick.disk.gate = undefined;
      // what is answered from now on, nobody hears
      resolve(new Map(told));
      brick.end(life.end, choose);
    };
    brick.disk.gate = () => {
      if (calls++ !== life.calls) return Promise.resolve();
      end();
      return new Promise(() => {});
    };
    const clients = CLIENTS.map((id, i) => client(on, id, life.clients[i]!, told));
    void Promise.all([...clients, byHand(on, life.memports, told)]).then(() => {
      if (calls <= life.calls) end();
    });
  });
}

test('clients that are told something find it so after any end of the agent', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 4 }), async (lives) => {
      const brick = new PoweredBrick();
      try {
        let told: Told = new Map();
        for (const life of lives) {
          const on = await brick.start();
          await on.agent.reconcile();
          told = await live(brick, on, life, told);
          const next = await brick.start();
          await next.agent.reconcile();
          brick.expectConverged(next);
          const found: Told = new Map(
            next.agent.listAttachments().map((attachment) => [attachment.id, placeOf(attachment)]),
          );
          if (next.agent.memport(PORT).set) found.set('memport', 'set');
          for (const [key, answer] of told) {
            if (answer !== 'asked') expect([key, found.get(key) ?? 'gone']).toEqual([key, answer]);
          }
          told = found;
          await next.agent.close();
        }
      } finally {
        brick.remove();
      }
    }),
    { numRuns: Number(process.env['RUNS'] ?? 60) },
  );
}, 240_000);

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CrossConnect, type Pair, type SwitchKind } from '../../src/dbmc/board/cross-connect.js';

const PORTS = 8;
const port = fc.integer({ min: 0, max: PORTS - 1 });
const pair = fc
  .tuple(port, port)
  .filter(([a, b]) => a !== b)
  .map(([a, b]): Pair => [a, b]);
const command = fc.record({ connect: fc.boolean(), pairs: fc.array(pair, { maxLength: 4 }) });
const commands = fc.array(command, { maxLength: 30 });
const key = ([a, b]: Pair): string => `${Math.min(a, b)}-${Math.max(a, b)}`;

/** The rules, once more and as plainly as can be: a set of pairs. @returns whether it is allowed. */
function model(
  kind: SwitchKind,
  set: Set<string>,
  connect: boolean,
  pairs: readonly Pair[],
): boolean {
  const next = new Set(set);
  for (const each of pairs) {
    if (connect) next.add(key(each));
    else next.delete(key(each));
  }
  const ports = [...next].flatMap((text) => text.split('-'));
  if (kind === 'optical' && new Set(ports).size !== ports.length) return false;
  set.clear();
  for (const each of next) set.add(each);
  return true;
}

describe.each(['electrical', 'optical'] as const)('a cross-connect, %s', (kind) => {
  it('is what a set of pairs is, refuses what the model refuses, and refusing changes nothing', () => {
    fc.assert(
      fc.property(commands, (list) => {
        const cross = new CrossConnect('s', kind, PORTS);
        const set = new Set<string>();
        for (const { connect, pairs } of list) {
          const before = cross.pairs();
          const was = new Set(set);
          const allowed = model(kind, set, connect, pairs);
          if (!allowed) {
            expect(() => cross.connect(pairs)).toThrow(
              expect.objectContaining({ code: 'SDM_PORT_CONNECTED' }),
            );
            expect(cross.pairs()).toEqual(before);
            continue;
          }
          const changed = connect ? cross.connect(pairs) : cross.disconnect(pairs);
          expect(new Set(cross.pairs().map(key))).toEqual(set);
          const differs = [...new Set([...set, ...was])].filter(
            (each) => set.has(each) !== was.has(each),
          );
          expect(changed.map(key).sort()).toEqual(differs.sort());
        }
      }),
      { numRuns: 500 },
    );
  });

  it('does the same again without a change, and back to nothing', () => {
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 6 }), (pairs) => {
        const cross = new CrossConnect('s', kind, PORTS);
        try {
          cross.connect(pairs);
        } catch {
          expect(cross.pairs()).toEqual([]);
          return;
        }
        expect(cross.connect(pairs)).toEqual([]);
        for (const [a, b] of pairs) {
          expect(cross.peers(a)).toContain(b);
          expect(cross.peers(b)).toContain(a);
        }
        cross.disconnect(pairs);
        expect(cross.pairs()).toEqual([]);
        expect(cross.disconnect(pairs)).toEqual([]);
      }),
    );
  });

  it.each([
    [[[0, PORTS]], 'SDM_NO_RESOURCE'],
    [[[-1, 0]], 'SDM_NO_RESOURCE'],
    [[[0, 1.5]], 'SDM_NO_RESOURCE'],
    [[[3, 3]], 'SDM_INPUT'],
    [
      [
        [0, 1],
        [2, PORTS],
      ],
      'SDM_NO_RESOURCE',
    ],
  ] as [Pair[], string][])('refuses %j whole', (pairs, code) => {
    const cross = new CrossConnect('s', kind, PORTS);
    expect(() => cross.connect(pairs)).toThrow(expect.objectContaining({ code }));
    expect(() => cross.disconnect(pairs)).toThrow(expect.objectContaining({ code }));
    expect(cross.pairs()).toEqual([]);
  });
});

it('shares the ports of a packet switch only', () => {
  const packet = new CrossConnect('s', 'electrical', PORTS);
  packet.connect([
    [0, 1],
    [0, 2],
  ]);
  expect(packet.peers(0)).toEqual([1, 2]);
  const circuit = new CrossConnect('s', 'optical', PORTS);
  circuit.connect([[0, 1]]);
  expect(() => circuit.connect([[2, 0]])).toThrow(/disconnect \[\[0,1\]\] first/);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SdmError } from '../../../src/common/errors.js';
import { generateTopology } from '../../../src/controller/inventory/generate.js';
import { registerTray } from '../../../src/controller/inventory/register-tray.js';
import { indexTopology } from '../../../src/controller/inventory/topology-index.js';
import type { Topology } from '../../../src/controller/inventory/topology-schema.js';

const empty: Topology = { version: 1, racks: [] };
const compute = (id: string, more: object = {}) => ({
  ...{ id, type: 'compute', islands: [4], memory: '1GiB', transceivers: 2 },
  ...more,
});
const tray = {
  id: '0.2.1',
  address: 'http://127.0.0.1:7001',
  role: 'tray',
  bricks: [
    compute('0.2.0', { address: 'unix:/run/a', power: 'on' }),
    { id: '0.2.9', type: 'memory', segments: 4, transceivers: 1 },
  ],
  switches: [{ id: 'dbesm-0-2', kind: 'electrical', ports: 8, firmware: '1.2' }],
  links: [{ a: '0.2.0/0', b: 'dbesm-0-2/0' }],
};
const inUse = (): boolean => true;
const refusal = (act: () => unknown): SdmError => {
  try {
    act();
  } catch (error) {
    return error as SdmError;
  }
  throw new Error('nothing was thrown');
};

describe('a tray that registers', () => {
  it('brings what was not there, and what it says beside that is left out', () => {
    const { topology, added, updated, missing, changed } = registerTray(empty, tray);
    expect({ added, updated, missing, changed }).toEqual({
      added: ['0.2.0', '0.2.9', 'dbesm-0-2'],
      updated: [],
      missing: [],
      changed: true,
    });
    const { bricks, switches, trays } = indexTopology(topology);
    expect(bricks.get('0.2.0')?.entry).toEqual({
      ...{ id: 0, type: 'compute', islands: [4], memory: '0x40000000', transceivers: 2 },
      address: 'unix:/run/a',
    });
    expect(bricks.get('0.2.9')).toMatchObject({ index: 0, tray: '0.2.1' });
    expect(switches.get('dbesm-0-2')).toMatchObject({ dbmc: tray.address, rack: 0, box: 2 });
    expect(trays.get('0.2.1')).toMatchObject({ dbmc: tray.address, bricks: ['0.2.0', '0.2.9'] });
    expect(topology.links).toEqual(tray.links);
    expect(empty.racks).toEqual([]);
  });

  it('changes nothing the second time', () => {
    const { topology } = registerTray(empty, tray);
    const again = registerTray(topology, tray, inUse);
    expect(again).toMatchObject({ changed: false, added: [], updated: [] });
    expect(again.topology).toBe(topology);
  });

  it('may leave out what is known, and names a brick less', () => {
    const { topology } = registerTray(empty, tray);
    const short = { id: '0.2.1', address: 'http://127.0.0.1:7009', bricks: [{ id: '0.2.9' }] };
    const after = registerTray(topology, short, inUse);
    expect(after.missing).toEqual(['0.2.0']);
    const { trays, bricks, switches } = indexTopology(after.topology);
    expect(trays.get('0.2.1')?.dbmc).toBe('http://127.0.0.1:7009');
    expect(switches.get('dbesm-0-2')?.dbmc).toBe('http://127.0.0.1:7009');
    expect([...bricks.keys()]).toEqual(['0.2.0', '0.2.9']);
  });

  it('changes what a brick is, unless platforms use it', () => {
    const { topology } = registerTray(empty, tray);
    const more = { ...tray, bricks: [compute('0.2.0', { islands: [4, 4] })] };
    const { entry } = indexTopology(registerTray(topology, more).topology).bricks.get('0.2.0')!;
    expect(entry).toMatchObject({ islands: [4, 4], address: 'unix:/run/a' });
    const error = refusal(() => registerTray(topology, more, (id) => id === '0.2.0'));
    expect([error.code, error.message]).toEqual([
      'SDM_BRICK_IN_USE',
      'tray 0.2.1: 0.2.0 had islands [4] and now says [4,4], but platforms use it; drain it and ' +
        'release them first',
    ]);
    const moved = { ...tray, bricks: [compute('0.2.0', { address: 'unix:/run/b' })] };
    const after = registerTray(topology, moved, inUse);
    expect(after.updated).toEqual(['0.2.0']);
  });

  it('plugs links elsewhere, unless platforms use what is at their ends', () => {
    const { topology } = registerTray(empty, tray);
    const other = { id: '0.2.1', links: [{ a: 'dbesm-0-2/0', b: '0.2.9/0' }] };
    expect(registerTray(topology, other).topology.links).toEqual(other.links);
    expect(refusal(() => registerTray(topology, other, inUse)).code).toBe('SDM_BRICK_IN_USE');
    const turned = { id: '0.2.1', links: [{ a: 'dbesm-0-2/0', b: '0.2.0/0', capacity: 100 }] };
    expect(registerTray(topology, turned, inUse).changed).toBe(false);
  });

  it('takes a brick along into another tray', () => {
    const { topology } = registerTray(empty, tray);
    const there = { id: '0.2.3', bricks: [{ id: '0.2.9' }] };
    const { trays } = indexTopology(registerTray(topology, there).topology);
    expect([...trays].map(([id, { bricks }]) => [id, bricks])).toEqual([
      ['0.2.1', ['0.2.0']],
      ['0.2.3', ['0.2.9']],
    ]);
    expect(refusal(() => registerTray(topology, there, inUse)).message).toContain(
      '0.2.9 was in tray 1 and is now in 3',
    );
  });

  it('of role rack has switches only', () => {
    const rack = { id: '0', address: 'unix:/run/rack', switches: [{ id: 'drosm-0' }] };
    const before = generateTopology({ boxes: 1 });
    const { switches } = indexTopology(registerTray(before, rack).topology);
    expect(switches.get('drosm-0')).toMatchObject({ dbmc: 'unix:/run/rack', index: 0 });
    const error = refusal(() => registerTray(before, { ...rack, bricks: [{ id: '0.0.0' }] }));
    expect(error.message).toContain('bricks: expected no bricks');
  });

  it('joins the first cluster with a box that is new', () => {
    const before: Topology = {
      version: 1,
      racks: [{ id: 0, clusters: [{ id: 5, boxes: [0] }], boxes: [{ id: 0, trays: [] }] }],
    };
    const { topology } = registerTray(before, tray);
    expect(topology.racks[0]!.clusters).toEqual([{ id: 5, boxes: [0, 2] }]);
  });

  it.each([
    [{}, 'id: expected a value, found nothing'],
    [{ id: '0.2' }, 'id: expected rack.box.tray'],
    [{ ...tray, bricks: [{ id: '0.3.1' }] }, 'bricks[0].id: expected a brick of box 0.2'],
    [{ ...tray, bricks: [{ id: '0.2.1' }] }, 'type: expected "compute" or "memory"'],
    [
      { ...tray, bricks: [tray.bricks[0], tray.bricks[0]] },
      'bricks[1].id: expected each brick once',
    ],
    [{ ...tray, bricks: [{ id: '0.2.1', type: 'memory' }] }, 'transceivers: expected a value'],
    [
      { ...tray, links: [{ a: '0.2.7/0', b: 'dbesm-0-2/1' }] },
      'a brick or switch of this topology',
    ],
    [{ ...tray, switches: [{ id: 'x', kind: 'magic', ports: 2 }] }, '"electrical" or "optical"'],
    [{ ...tray, bricks: [compute('0.2.0', { memory: '7' })] }, 'in whole MiB, found "0x7"'],
  ])('is refused (%#)', (registration, message) => {
    const error = refusal(() => registerTray(empty, registration));
    expect([error.code, error.message]).toEqual(['SDM_TOPOLOGY', expect.stringContaining(message)]);
  });

  it('is refused with a word whatever it says', () => {
    const key = fc.constantFrom('id', 'address', 'bricks', 'switches', 'links', 'type', 'ports');
    const { topology } = registerTray(empty, tray);
    const poison = fc.oneof(fc.jsonValue(), fc.constantFrom('0.2.0', '0.2.1', '0', -1, 1e300));
    const change = fc.tuple(fc.constantFrom('tray', 'brick', 'switch', 'link'), key, poison);
    fc.assert(
      fc.property(fc.array(change, { maxLength: 3 }), (changes) => {
        const value = structuredClone(tray) as any;
        const parts = {
          tray: value,
          brick: value.bricks[1],
          switch: value.switches[0],
          link: value.links[0],
        };
        for (const [part, name, put] of changes) parts[part as 'tray'][name] = structuredClone(put);
        try {
          registerTray(topology, value, inUse);
        } catch (error) {
          expect(error).toBeInstanceOf(SdmError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

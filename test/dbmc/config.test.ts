import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/dbmc/config.js';
import { rackTopology } from '../../src/rack/control/topology.js';
import { TRAY } from '../support/dbmc.js';
import { scratchDir } from '../support/scratch.js';

const dir = scratchDir('dbmc-config');
const base = { ...TRAY, listen: 'http://127.0.0.1:7001', stateDir: '/tmp/state' };

describe('the configuration of a tray', () => {
  it('is read', async () => {
    expect(
      await parseConfig({ ...base, registers: { '0.2.9': { file: '/r' } } }, 'f'),
    ).toMatchObject({
      ...{ role: 'tray', id: '0.2.0', rack: 0, box: 2 },
      links: [{ brick: '0.2.9', transceiver: 0, switch: 'dbesm-0-2', port: 0 }, {}, {}],
      places: new Map([['0.2.9', { registers: '/r' }]]),
    });
  });

  it.each([
    [{ id: '0' }, /"id": expected rack\.box\.tray/],
    [{ role: 'rack' }, /"id": expected a rack, such as "0"/],
    [{ listen: 'ftp://x' }, /"listen": expected an address/],
    [{ colour: 1 }, /colour/],
    [{ bricks: [{ id: '0.3.1', type: 'memory', transceivers: 2 }] }, /bricks of box 0\.2 only/],
    [{ bricks: [...TRAY.bricks, TRAY.bricks[0]] }, /unique/],
    [
      { links: [{ transceiver: '0.2.9/0', port: 'dbesm-0-2/64' }] },
      /ports of switches that are here/,
    ],
    [{ links: [TRAY.links[0], { transceiver: '0.2.9/0', port: 'dbesm-0-2/9' }] }, /each end once/],
    [{ registers: { '0.2.1': { file: '/r' } } }, /hangs on a port here/],
    [{ topology: '/t.json' }, /no such key beside "topology"/],
  ])('is refused with %j', async (change, message) => {
    await expect(parseConfig({ ...base, ...change }, 'f')).rejects.toMatchObject({
      code: 'SDM_CONFIG',
      message: expect.stringMatching(message),
    });
  });

  it('takes its part of a topology, and no other', async () => {
    const path = join(dir, 'topology.json');
    const compute = [{ cores: 2, memory: 1n << 30n }];
    const boxes = [0, 1].map((box) => ({
      ...{ dbmc: `http://127.0.0.1:700${box}`, compute },
      memory: [{ base: BigInt(box) << 30n, segments: 4 }],
    }));
    writeFileSync(path, JSON.stringify(rackTopology({ name: 't', segmentSize: 1n << 28n, boxes })));
    const of = (id: string, role?: string) =>
      parseConfig(
        { id, ...(role && { role }), listen: base.listen, stateDir: '/s', topology: path },
        'f',
      );
    const tray = await of('0.1.0');
    expect(tray.bricks.map(({ id, type }) => [id, type])).toEqual([
      ['0.1.0', 'compute'],
      ['0.1.1', 'memory'],
    ]);
    expect(tray.switches.map(({ id }) => id)).toEqual(['dbesm-0-1']);
    expect(tray.links).toHaveLength(8);
    const rack = await of('0', 'rack');
    expect([rack.bricks, rack.links]).toEqual([[], []]);
    expect(rack.switches.map(({ id, kind }) => [id, kind])).toEqual([['drosm-0', 'optical']]);
    await expect(of('0.7.0')).rejects.toMatchObject({
      message: expect.stringContaining('0.0.0, 0.1.0'),
    });
  });
});

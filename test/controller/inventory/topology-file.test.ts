import { describe, expect, it } from 'vitest';
import { SdmError } from '../../../src/common/errors.js';
import { compileTopology } from '../../../src/controller/inventory/compile.js';
import { parseTopology } from '../../../src/controller/inventory/topology-file.js';
import { WHOLE } from './whole-topology.js';

const TEXT = JSON.stringify(WHOLE, null, 2);

type Change = (value: any) => void; // eslint-disable-line
/** The example with something of it changed, as text. */
const spoilt = (change: Change): string => {
  const value = structuredClone(WHOLE);
  change(value);
  return JSON.stringify(value, null, 2);
};
const box = (value: any): any => value.racks[0].boxes[0];
const brick = (value: any, i = 0): any => box(value).trays[0].bricks[i];
const refusal = (text: string): SdmError => {
  try {
    parseTopology(text, 'rack.json');
  } catch (error) {
    return error as SdmError;
  }
  throw new Error('nothing was thrown');
};

describe('a topology file', () => {
  it('may have every key, and gives sizes in one form', () => {
    const topology = parseTopology(TEXT);
    expect(topology.segmentSize).toBe('0x10000000');
    expect(topology.racks[0]!.boxes[0]!.trays[0]!.bricks[0]).toMatchObject({
      memory: '0x40000000',
    });
    const { columns, segmentMiB } = compileTopology(topology);
    expect(segmentMiB).toBe(256);
    expect([...columns.compute.islandCores]).toEqual([4, 4]);
    expect([...columns.switches.capacity]).toEqual([0x7fffffff, 0x7fffffff, 640]);
  });

  it('may be all but empty', () => {
    expect(parseTopology('{"version": 1, "racks": []}').racks).toEqual([]);
  });

  const cases: readonly (readonly [string, Change, string])[] = [
    ['no version', (v) => delete v.version, ':1:1: version: expected a value, found nothing'],
    ['another version', (v) => (v.version = 2), ':3:14: version: expected 1, found 2'],
    ['a misspelt key', (v) => (v.rakcs = []), 'rakcs: expected one of the keys'],
    ['a misspelt key', (v) => (box(v).tray = []), '(is "trays" meant?)'],
    ['a brick 16', (v) => (brick(v).id = 16), 'bricks[0].id: expected a whole number from 0 to 15'],
    ['17 transceivers', (v) => (brick(v).transceivers = 17), 'whole number from 1 to 16, found 17'],
    ['no transceivers', (v) => (brick(v).transceivers = 0), 'whole number from 1 to 16, found 0'],
    ['no type', (v) => delete brick(v).type, 'bricks[0].type: expected "compute" or "memory" or'],
    ['another type', (v) => (brick(v).type = 'gpu'), 'or "accelerator", found "gpu"'],
    ['a brick that is none', (v) => (box(v).trays[0].bricks[1] = 7), 'a brick: an object, found 7'],
    ['a key of another type', (v) => (brick(v).segments = 3), 'segments: expected one of the keys'],
    [
      'an id that is text',
      (v) => (v.racks[0].id = '0'),
      'racks[0].id: expected a value of type integer',
    ],
    [
      'a huge number',
      (v) => (brick(v, 1).segments = 1e300),
      'whole number from 1 to 1048576, found 1e+300',
    ],
    ['no size', (v) => (brick(v).memory = '1 GB'), 'a size such as "0x40000000" or "1GiB"'],
    [
      'a size beyond 64 bits',
      (v) => (brick(v).memory = '9999999999999P'),
      'at most 1 PiB, in whole MiB',
    ],
    [
      'a size beyond 1 PiB',
      (v) => (brick(v).memory = '2P'),
      'at most 1 PiB, in whole MiB, found "2P"',
    ],
    [
      'a segment of no whole MiB',
      (v) => (v.segmentSize = '4096'),
      'segmentSize: expected more than 0',
    ],
    [
      'no address',
      (v) => (brick(v).address = 'localhost:80'),
      'bricks[0].address: expected an address',
    ],
    [
      'plain HTTP',
      (v) => (box(v).trays[0].dbmc = 'http://10.0.0.1:80'),
      'trays[0].dbmc: expected https for what is not on this machine',
    ],
    [
      'a socket too long',
      (v) => (v.racks[0].dbmc = `unix:/${'x'.repeat(107)}`),
      'racks[0].dbmc: expected a path of at most 107 bytes',
    ],
    [
      'no port',
      (v) => (v.dbmc = 'https://site'),
      ': dbmc: expected "unix:/path", "https://host:port"',
    ],
    ['no IP', (v) => (brick(v).ip = '127.0.0.256'), 'ip: expected an IP address'],
    [
      'a rack twice',
      (v) => v.racks.push({ id: 0, boxes: [] }),
      'racks[1].id: expected a number that no other rack has',
    ],
    [
      'a box twice',
      (v) => v.racks[0].boxes.push({ id: 0, trays: [] }),
      'no other box of rack 0 has',
    ],
    [
      'a tray twice',
      (v) => box(v).trays.push({ id: 0, bricks: [] }),
      'no other tray of box 0.0 has',
    ],
    [
      'a cluster twice',
      (v) => v.racks[0].clusters.push({ id: 0, boxes: [] }),
      'no other cluster of rack 0',
    ],
    [
      'a brick twice',
      (v) => box(v).trays.push({ id: 1, bricks: [brick(v, 2)] }),
      'trays[1].bricks[0].id: expected a number that no other brick of the box has, in none of its trays (0.0.12 is there)',
    ],
    [
      'a switch twice',
      (v) => box(v).switches.push(v.switches[0]),
      'switches[1].id: expected an id that no other switch',
    ],
    [
      'a switch like a brick',
      (v) => (v.switches[0].id = '0.0.7'),
      'switches[0].id: expected an id that cannot be taken for a brick',
    ],
    [
      'an optical capacity',
      (v) => (v.switches[0].capacity = 9),
      'switches[0].capacity: expected no such key',
    ],
    [
      'a box in two clusters',
      (v) => v.racks[0].clusters.push({ id: 1, boxes: [0] }),
      'clusters[1].boxes[0]: expected a box that is in no cluster yet',
    ],
    [
      'a box in no cluster',
      (v) => (v.racks[0].clusters = []),
      'boxes[0].id: expected a box of one of the clusters',
    ],
    [
      'a cluster of strangers',
      (v) => v.racks[0].clusters[0].boxes.push(9),
      'boxes[1]: expected a box of rack 0, found 9',
    ],
    [
      'a link to nowhere',
      (v) => (v.links[0].b = 'dbsem-0-0/0'),
      'links[0].b: expected a brick or switch of this topology (is "dbesm-0-0" meant?), found "dbsem-0-0/0"',
    ],
    [
      'no transceiver 8',
      (v) => (v.links[0].a = '0.0.0/8'),
      'a transceiver of brick 0.0.0, from 0 to 7',
    ],
    [
      'no port 64',
      (v) => (v.links[2].a = 'dbesm-0-0/64'),
      'links[2].a: expected a port of switch dbesm-0-0, from 0 to 63',
    ],
    [
      'a port twice',
      (v) => (v.links[1].b = 'dbesm-0-0/0'),
      'links[1].b: expected a port of switch dbesm-0-0 that no other link has',
    ],
    [
      'a loop',
      (v) => (v.links[1].a = 'dbesm-0-0/9'),
      'links[1].b: expected another end than one of switch dbesm-0-0',
    ],
    [
      'an end without number',
      (v) => (v.links[0].a = '0.0.0'),
      'links[0].a: expected BRICK/TRANSCEIVER or SWITCH/PORT',
    ],
    [
      'a pool without base',
      (v) => delete brick(v, 1).base,
      'bricks[1].base: expected a base, since it is a part of a pool',
    ],
    ['the end of memory', (v) => (brick(v, 1).base = '0xfffffffff0000000'), 'end within 64 bits'],
    [
      'ports without end',
      (v) =>
        (v.switches = Array.from({ length: 17 }, (_, i) => ({
          id: `s${i}`,
          kind: 'optical',
          ports: 1 << 20,
        }))),
      'at most 16777216 ports in all switches',
    ],
  ];
  it.each(cases)('is refused for %s', (_, change, message) => {
    const error = refusal(spoilt(change));
    expect([error.code, error.message]).toEqual(['SDM_TOPOLOGY', expect.stringContaining(message)]);
    expect(error.message).toMatch(/^rack\.json:[0-9]+:[0-9]+: /);
  });

  it('names the line and the column', () => {
    const line = TEXT.split('\n').findIndex((each) => each.includes('"transceivers": 8')) + 1;
    const error = refusal(spoilt((v) => (brick(v).transceivers = 99)));
    expect(error.message).toMatch(new RegExp(`^rack\\.json:${line}:35: racks\\[0\\]\\.boxes`));
    expect(error.details?.['faults']).toMatchObject([{ line, column: 35, found: '99' }]);
  });

  it('names all faults of bricks and links, up to 20', () => {
    const error = refusal(spoilt((v) => { brick(v).id = -1; v.links[1].a = ''; })); // prettier-ignore
    expect(error.message).toContain('(and 1 more: `sdm topology check` lists them)');
    const many = refusal(spoilt((v) => (v.links = new Array(1000).fill({}))));
    expect(many.details?.['faults']).toHaveLength(20);
  });

  it('lets parts of one pool not overlap', () => {
    const other = (base: string, pool: string): string =>
      spoilt((v) => {
        const second = { id: 9, type: 'memory', base, segments: 4, transceivers: 1, pool };
        box(v).trays[0].bricks.push(second);
      });
    expect(() => parseTopology(other('0x108000000', 'p0'))).not.toThrow();
    expect(() => parseTopology(other('0x8000000', 'p1'))).not.toThrow();
    expect(refusal(other('0x107ff0000', 'p0')).message).toContain(
      'bricks[3].base: expected a base whose segments do not overlap those of 0.0.8 in the same pool ' +
        '(0x8000000 to 0x107ffffff), found "0x107ff0000"',
    );
  });

  it('is refused with its place where it is no JSON', () => {
    const text = TEXT.replace('"clusters"', 'clusters');
    expect(refusal(text).message).toMatch(
      /^rack\.json:[0-9]+:7: racks\[0\]\.switches: expected a key in quotes, found "clusters"$/,
    );
    expect(refusal(TEXT.slice(0, -2)).message).toContain('expected "," or "}", found the end of');
    expect(refusal('{"version": 1, "version": 1}').message).toBe(
      'rack.json:1:16: version: expected each key once, found the key "version" again',
    );
  });
});

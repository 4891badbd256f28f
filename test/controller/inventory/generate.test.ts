import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileTopology } from '../../../src/controller/inventory/compile.js';
import {
  generateGraph,
  generateText,
  generateTopology,
} from '../../../src/controller/inventory/generate.js';
import { optionsForBricks } from '../../../src/controller/inventory/generate-options.js';
import { parseTopology } from '../../../src/controller/inventory/topology-file.js';
import { anyOptions } from './any-options.js';

describe('a generated system', () => {
  it('is the same as a graph, as a value, and as a file that is read', () => {
    fc.assert(
      fc.property(anyOptions, (options) => {
        const topology = parseTopology([...generateText(options)].join(''));
        expect(topology).toEqual(generateTopology(options));
        expect(compileTopology(topology).columns).toEqual(generateGraph(options).columns);
      }),
      { numRuns: 150 },
    );
  });

  it('is a rack of 16 compute and 16 memory bricks where nothing is said', () => {
    const { columns } = generateGraph();
    expect([columns.compute.count, columns.memory.count]).toEqual([16, 16]);
    expect(columns.switches.names).toEqual(['drosm-0', 'dbesm-0-0', 'dbesm-0-1']);
    expect(generateGraph().endpointName(columns.links.b[0]!)).toBe('dbesm-0-0/0');
  });

  it('has as many bricks as are asked for', () => {
    for (const count of [1, 7, 8, 16, 256, 4096, 65_536]) {
      const { racks, boxes, compute, memory } = optionsForBricks(count);
      expect(racks * boxes * compute).toBeGreaterThanOrEqual(count);
      expect(racks * boxes * compute).toBe(racks * boxes * memory);
    }
    const { columns } = generateGraph(optionsForBricks(4096));
    expect([columns.compute.count, columns.memory.count]).toEqual([4096, 4096]);
    expect(columns.rackId).toHaveLength(8);
  });

  it.each([
    [{ compute: 9, memory: 8 }, 'a box has 17 bricks; expected 1 to 16 of all types together'],
    [{ compute: 0, memory: 0 }, 'a box has 0 bricks'],
    [{ racks: 4096, boxes: 8192 }, 'bricks of type compute; expected at most 65536'],
    [{ cores: 1.5 }, 'cores is 1.5; expected a whole number from 1 to 4096'],
    [{ boxSwitch: 'both', transceivers: 1 }, 'one transceiver cannot go to both switches'],
  ] as const)('is refused for %j', (options, message) => {
    expect(() => generateGraph(options)).toThrow(message);
  });
});

import fc from 'fast-check';
import {
  BOX_SWITCHES,
  OUTER_SWITCHES,
  type GenerateOptions,
} from '../../../src/controller/inventory/generate-options.js';

/** Small systems of all shapes. */
export const anyOptions: fc.Arbitrary<Partial<GenerateOptions>> = fc
  .record({
    racks: fc.integer({ min: 1, max: 3 }),
    boxes: fc.integer({ min: 1, max: 3 }),
    trays: fc.integer({ min: 1, max: 4 }),
    compute: fc.integer({ min: 0, max: 5 }),
    memory: fc.integer({ min: 0, max: 5 }),
    accelerators: fc.integer({ min: 0, max: 2 }),
    islands: fc.integer({ min: 1, max: 3 }),
    cores: fc.integer({ min: 1, max: 64 }),
    localMemory: fc.integer({ min: 1, max: 1 << 20 }),
    memports: fc.integer({ min: 1, max: 512 }),
    segments: fc.integer({ min: 1, max: 1000 }),
    segmentSize: fc.integer({ min: 1, max: 1024 }),
    transceivers: fc.integer({ min: 2, max: 16 }),
    boxSwitch: fc.constantFrom(...BOX_SWITCHES),
    rackSwitch: fc.constantFrom(...OUTER_SWITCHES),
    siteSwitch: fc.constantFrom(...OUTER_SWITCHES),
    uplinks: fc.integer({ min: 1, max: 5 }),
    rackUplinks: fc.integer({ min: 1, max: 5 }),
    linkCapacity: fc.integer({ min: 1, max: 500 }),
    switchCapacity: fc.constantFrom(0, 640),
  })
  .filter(({ compute, memory, accelerators }) => compute + memory + accelerators > 0);

import fc from 'fast-check';
import { POLICY_NAMES } from '../../../../src/controller/reservation/policies/index.js';
import type { ReserveRequest } from '../../../../src/controller/reservation/types.js';

export const policy = fc.constantFrom(...POLICY_NAMES);

export const request: fc.Arbitrary<ReserveRequest> = fc.record(
  {
    compute: fc.nat(1),
    cores: fc.nat(3),
    localMemory: fc.nat(300),
    memory: fc.constantFrom(0, 0, 100, 700, 1500),
    segments: fc.oneof(fc.nat(4), fc.nat(40)),
    pathUtil: fc.constantFrom(0, 1, 10, 30, 50, 51, 100),
    policy,
  },
  { requiredKeys: ['segments', 'pathUtil', 'policy'] },
);

export type Command =
  | { readonly do: 'reserve'; readonly request: ReserveRequest }
  | { readonly do: 'release'; readonly which: number; readonly dirty: boolean }
  | {
      readonly do: 'release some';
      readonly which: number;
      readonly mask: number;
      readonly dirty: boolean;
    }
  | { readonly do: 'clean'; readonly which: number }
  | {
      readonly do: 'quarantine';
      readonly on: boolean;
      readonly memory: number;
      readonly first: number;
      readonly count: number;
    }
  | {
      readonly do: 'usable';
      readonly kind: 'compute' | 'memory' | 'switch';
      readonly which: number;
      readonly on: boolean;
    };

export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('reserve' as const), request }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      which: fc.nat(),
      dirty: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('release some' as const),
      which: fc.nat(),
      mask: fc.nat(255),
      dirty: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('clean' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('quarantine' as const),
      on: fc.boolean(),
      memory: fc.nat(2),
      first: fc.nat(12),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('usable' as const),
      kind: fc.constantFrom('compute' as const, 'memory' as const, 'switch' as const),
      which: fc.nat(3),
      on: fc.boolean(),
    }),
  },
);

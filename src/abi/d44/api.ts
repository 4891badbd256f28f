/**
 * The controller's methods as D4.4 §3.3.1 has them, taken literally: arguments, results, messages. All
 * that the API under /api/ knows of a method is its row here. What the document leaves open, and
 * what was chosen: docs/controller-api.md.
 */
import type { ErrorCode } from '../../common/errors.js';

/** The document's sentences, its capitals included. */
export const MESSAGES = {
  good: 'All good',
  cores: 'Not Enough vCPUs',
  memory: 'Not enough Memory',
  combination: 'Resource Combo could not be achieved (maybe invoke power manager?)',
  /** What allocateMemory says in place of `combination`. */
  growth: 'Resource Combo could not be achieved (maybe invoke pm?)',
  path: 'pathutil exceeded',
  unknown: 'Reservation Not Found',
} as const;
export type MessageName = keyof typeof MESSAGES;

/** Memory is counted in MiB, which the document calls MB. */
export const MIB = 1n << 20n;
/** What the reservation core counts to: a pebibyte, less one. */
export const MEMORY_MAX = 2 ** 30 - 1;
/** Percent of a path. The document says "should not be more than 100", and has a message for more. */
export const PATH_UTIL_MAX = 100;

export interface Argument {
  /** As our own clients write it. Any case, `_`, `-` and blanks make no difference. */
  readonly name: string;
  /** Other words for the same, of which the document or its programs have some. */
  readonly also: readonly string[];
  readonly about: string;
  readonly minimum: number;
  readonly maximum: number;
  /** What it is without; undefined: it must be given, null: it may be absent. */
  readonly initial?: number | null;
  /** The message that answers a value above the maximum; otherwise the request is refused as unreadable. */
  readonly above?: MessageName;
}

export type ResultName =
  | 'PlatformID'
  | 'computeBrickIP'
  | 'domigrate'
  | 'TotalCores'
  | 'TotalMemory'
  | 'AvailableCores'
  | 'AvailableMemory';

export interface Result {
  readonly name: ResultName;
  readonly type: 'integer' | 'string';
  readonly about: string;
  /** The document spells it in two ways; answers carry both. */
  readonly also?: string;
  /** Not in every answer. */
  readonly optional?: boolean;
}

export interface Method {
  readonly about: string;
  /** Whether it changes anything; a viewer may call only what does not. */
  readonly changes: boolean;
  readonly args: readonly Argument[];
  /** Beside Status, StatusNo and Message, which every answer has. */
  readonly results: readonly Result[];
  /** Which refusal is told in which of the document's words. Others are errors of HTTP. */
  readonly refusals: Readonly<Partial<Record<ErrorCode, MessageName>>>;
}

const PLATFORM: Argument = {
  name: 'platformID',
  also: ['platform', 'id', 'platformIdentifier'],
  about: 'platform ID as provided by getPlatform',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
};
const PATH_UTIL: Argument = {
  name: 'pathUtil',
  also: ['pathUtilization', 'pathUtilisation'],
  about: 'percent of each link and switch on the way to remote memory that is kept for it',
  minimum: 0,
  maximum: PATH_UTIL_MAX,
  initial: null,
  above: 'path',
};
const memory = (about: string, minimum: number): Argument => ({
  name: 'memory',
  also: ['mem', 'memoryMB', 'memoryInMB', 'memorySize', 'memorySizeMB', 'memorySizeInMB', 'size'],
  about,
  minimum,
  maximum: MEMORY_MAX,
});

const IP: Result = {
  name: 'computeBrickIP',
  type: 'string',
  about: 'address of the compute brick; empty where the topology names none',
  also: 'computebrickIP',
};
const total = (name: ResultName, about: string): Result => ({ name, type: 'integer', about });

const refusals = (combination: MessageName) =>
  ({
    SDM_NO_CORES: 'cores',
    SDM_NO_LOCAL_MEMORY: 'memory',
    SDM_NO_SEGMENTS: 'memory',
    SDM_NO_PATH: 'path',
    SDM_NO_TRANSCEIVER: combination,
    SDM_NO_MEMPORT: combination,
    SDM_NO_COMBINATION: combination,
  }) as const;

const NOT_FOUND = { SDM_NOT_FOUND: 'unknown' } as const;

export const METHODS = {
  getPlatform: {
    about:
      'Compiles a new platform configuration: cores, memory, and paths to what of it is remote',
    changes: true,
    args: [
      {
        name: 'cpus',
        also: ['cpu', 'vcpus', 'vcpu', 'cores', 'numCPUs', 'numberOfCPUs', 'numOfCPUs', 'noCPUs'],
        about: 'number of CPUs',
        minimum: 1,
        maximum: 65_535,
      },
      memory('memory in MiB: local as far as the brick has it, the rest remote', 0),
      PATH_UTIL,
    ],
    results: [
      { name: 'PlatformID', type: 'integer', about: 'platform identifier; never used again' },
      IP,
    ],
    refusals: refusals('combination'),
  },
  releasePlatform: {
    about: 'Releases all previous platform reservations',
    changes: true,
    args: [PLATFORM],
    results: [],
    refusals: NOT_FOUND,
  },
  allocateMemory: {
    about: 'Allocates memory, which is remote',
    changes: true,
    args: [
      PLATFORM,
      memory('memory size in MiB; whole segments are allocated', 1),
      PATH_UTIL,
      {
        name: 'migrateOK',
        also: ['migrate'],
        about: '1: the platform may be moved to another brick, 0: it may not. None is moved today',
        minimum: 0,
        maximum: 1,
        initial: null,
      },
    ],
    results: [
      IP,
      {
        name: 'domigrate',
        type: 'integer',
        about: 'whether the platform has to move: 0. There if migrateOK was given',
        optional: true,
      },
    ],
    refusals: { ...refusals('growth'), ...NOT_FOUND },
  },
  freeMemory: {
    about:
      'Releases the requested amount of memory; without one, all remote memory of the platform',
    changes: true,
    args: [PLATFORM, { ...memory('memory size in MiB; default: all', 1), initial: null }],
    results: [],
    refusals: NOT_FOUND,
  },
  TotalResources: {
    about: 'What the rack has and what of it is free',
    changes: false,
    args: [],
    results: [
      total('TotalCores', 'of all compute bricks'),
      total('TotalMemory', 'MiB, local and remote'),
      total('AvailableCores', 'the most that one platform can get: free in one coherent island'),
      total('AvailableMemory', 'MiB, local and remote'),
    ],
    refusals: {},
  },
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof METHODS;
export const METHOD_NAMES = Object.keys(METHODS) as MethodName[];

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { badAnswer, goodAnswer, messageFor } from '../../../src/abi/d44/api-answers.js';
import { readArguments } from '../../../src/abi/d44/api-arguments.js';
import {
  MESSAGES,
  METHOD_NAMES,
  METHODS,
  type Argument,
  type Method,
} from '../../../src/abi/d44/api.js';
import { SdmError } from '../../../src/common/errors.js';

describe('the messages', () => {
  it('are the sentences of the document', () => {
    expect(Object.values(MESSAGES)).toEqual([
      'All good',
      'Not Enough vCPUs',
      'Not enough Memory',
      'Resource Combo could not be achieved (maybe invoke power manager?)',
      'Resource Combo could not be achieved (maybe invoke pm?)',
      'pathutil exceeded',
      'Reservation Not Found',
    ]);
  });

  it.each([
    ['getPlatform', 'SDM_NO_CORES', 'Not Enough vCPUs'],
    ['getPlatform', 'SDM_NO_SEGMENTS', 'Not enough Memory'],
    ['getPlatform', 'SDM_NO_LOCAL_MEMORY', 'Not enough Memory'],
    ['getPlatform', 'SDM_NO_PATH', 'pathutil exceeded'],
    [
      'getPlatform',
      'SDM_NO_COMBINATION',
      'Resource Combo could not be achieved (maybe invoke power manager?)',
    ],
    [
      'allocateMemory',
      'SDM_NO_TRANSCEIVER',
      'Resource Combo could not be achieved (maybe invoke pm?)',
    ],
    ['allocateMemory', 'SDM_NOT_FOUND', 'Reservation Not Found'],
    ['releasePlatform', 'SDM_NOT_FOUND', 'Reservation Not Found'],
    ['freeMemory', 'SDM_NOT_FOUND', 'Reservation Not Found'],
    ['getPlatform', 'SDM_STORE', undefined],
  ] as const)('of %s for %s: %s', (name, code, message) => {
    expect(messageFor(METHODS[name], code)).toBe(message);
  });
});

describe('arguments', () => {
  it.each([
    [{ cpus: 4, memory: 1024, pathUtil: 10 }],
    [{ CPUs: '4', Memory: '1024', PathUtil: '10' }],
    [{ 'Number of CPUs': 4, 'Memory in MB': 1024, path_utilization: 10 }],
    [{ vcpus: 4, memory_MB: 1024, 'path-utilisation': 10 }],
  ])('of getPlatform, in any spelling: %j', (given) => {
    const values = { cpus: 4, memory: 1024, pathUtil: 10 };
    expect(readArguments(METHODS.getPlatform, given)).toEqual(values);
  });

  it('that may be left out have their defaults, or are absent', () => {
    expect(readArguments(METHODS.getPlatform, { cpus: 1, memory: 0 })).toEqual({
      cpus: 1,
      memory: 0,
      pathUtil: null,
    });
    const given = { platformID: 7, memory: 1 };
    expect(readArguments(METHODS.allocateMemory, given)).toEqual({
      ...given,
      pathUtil: null,
      migrateOK: null,
    });
    expect(readArguments(METHODS.freeMemory, { PlatformID: '7' })).toEqual({
      platformID: 7,
      memory: null,
    });
    expect(readArguments(METHODS.TotalResources, {})).toEqual({});
  });

  it('above what a path has are answered in the words of the document', () => {
    expect(readArguments(METHODS.getPlatform, { cpus: 1, memory: 1, pathUtil: 101 })).toBe('path');
    const grow = { platformID: 1, memory: 1, pathUtilization: '1000' };
    expect(readArguments(METHODS.allocateMemory, grow)).toBe('path');
  });

  it.each([
    [{ memory: 1 }, 'cpus: expected a whole number from 1 to 65535, found nothing'],
    [{ cpus: 0, memory: 1 }, 'cpus: expected a whole number from 1 to 65535, found 0'],
    [{ vCPUs: 1.5, memory: 1 }, 'vCPUs: expected a whole number from 1 to 65535, found 1.5'],
    [{ cpus: [1, 2], memory: 1 }, 'cpus: expected a whole number from 1 to 65535, found [1,2]'],
    [
      { cpus: '1 core', memory: 1 },
      'cpus: expected a whole number from 1 to 65535, found "1 core"',
    ],
    [
      { cpus: 1, cores: 1, memory: 1 },
      'cores: expected nothing beside cpus, which stands for the same, found 1',
    ],
    [
      { cpus: 1, memroy: 1 },
      'memroy: expected one of cpus, memory, pathUtil (is "memory" meant?), found 1',
    ],
    [
      { cpus: 1, memory: 1, pathUtil: -1 },
      'pathUtil: expected a whole number from 0 to 100 (above it: "pathutil exceeded"), found -1',
    ],
    [[], 'arguments: expected an object, found []'],
    [null, 'arguments: expected an object, found null'],
  ])('%j are refused', (given, message) => {
    expect(() => readArguments(METHODS.getPlatform, given)).toThrow(message);
  });

  it('of any kind are values within bounds, a message of the document, or SDM_INPUT', () => {
    const name = fc.oneof(
      fc.constantFrom(...METHOD_NAMES.flatMap((each) => METHODS[each].args.map((arg) => arg.name))),
      fc.string(),
      fc.constant('__proto__'),
    );
    const value = fc.oneof(fc.integer(), fc.nat(200), fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(
        fc.constantFrom(...METHOD_NAMES),
        fc.array(fc.tuple(name, value)),
        (method, entries) => {
          const row: Method = METHODS[method];
          let values;
          try {
            values = readArguments(row, Object.fromEntries(entries));
          } catch (error) {
            expect((error as SdmError).code).toBe('SDM_INPUT');
            return;
          }
          if (typeof values === 'string') return expect(MESSAGES[values]).toBe('pathutil exceeded');
          expect(Object.keys(values)).toEqual(row.args.map((arg) => arg.name));
          for (const arg of row.args) expect(fits(arg, values[arg.name]!)).toBe(true);
        },
      ),
    );
  });
});

function fits({ minimum, maximum, initial }: Argument, value: number | null): boolean {
  return value === null ? initial === null : value >= minimum && value <= maximum;
}

describe('answers', () => {
  it('have the status and the address under both of their names', () => {
    expect(goodAnswer(METHODS.getPlatform, { PlatformID: 7, computeBrickIP: '10.0.0.1' })).toEqual({
      Status: 0,
      StatusNo: 0,
      Message: 'All good',
      PlatformID: 7,
      computeBrickIP: '10.0.0.1',
      computebrickIP: '10.0.0.1',
    });
    expect(badAnswer('Not Enough vCPUs')).toEqual({
      Status: 1,
      StatusNo: 1,
      Message: 'Not Enough vCPUs',
      ErrorMessage: 'Not Enough vCPUs',
    });
  });

  it('leave out what the method did not get', () => {
    const answer = goodAnswer(METHODS.allocateMemory, { computeBrickIP: '' });
    expect(answer).not.toHaveProperty('domigrate');
    expect(goodAnswer(METHODS.allocateMemory, { domigrate: 0 })).toHaveProperty('domigrate', 0);
  });
});

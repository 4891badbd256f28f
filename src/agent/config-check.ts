import { isIP } from 'node:net';
import { SOCKET_PATH_MAX } from '../common/address.js';
import { listenFaults } from '../common/server/listen-config.js';
import { explainOne, isMisspelt, type Explanation } from '../common/schema-errors.js';
import type { ConfigFile } from './config-schema.js';
import { validatorOf } from './config-validator.js';

/** Something in a configuration that cannot be. */
export type Fault = Explanation;

/** All that is wrong with a value as a configuration; empty: it is a {@link ConfigFile}. */
export function faultsOf(value: unknown): readonly Fault[] {
  if (typeof value === 'object' && value !== null && 'role' in value) {
    // a lender's keys would all be unknown here, which is not what is wrong
    const expected = '"memory" for a brick that lends, and no such key for one that borrows';
    return [{ key: 'role', expected, found: value.role }];
  }
  const validate = validatorOf('config');
  const errors = validate(value) ? [] : (validate.errors ?? []);
  // A key that is misspelt is missing, too: the slip is what helps.
  const faults = [...errors.filter(isMisspelt), ...errors.filter((each) => !isMisspelt(each))].map(
    explainOne,
  );
  const sound = (key: string): boolean => !faults.some((fault) => isPartOf(fault.key, key));
  // What keys must be to each other can only be said of keys that are sound by themselves.
  return [...faults, ...crossFaults(value as ConfigFile, sound)];
}

/** Whether a key is `whole`, lies in it, or stands for all there is. */
function isPartOf(key: string, whole: string): boolean {
  if (key === '' || key === whole) return true;
  return key.startsWith(`${whole}.`) || key.startsWith(`${whole}[`);
}

function* crossFaults(raw: ConfigFile, sound: (key: string) => boolean): Generator<Fault> {
  if (sound('registers')) yield* registersFaults(raw.registers);
  if (sound('registers') && sound('memory')) yield* memoryFaults(raw);
  if (sound('pool')) yield* poolFaults(raw.pool, sound('registers') ? raw.registers : undefined);
  if (sound('shares')) yield* sharesFaults(raw.shares ?? []);
  if (sound('socket') && Buffer.byteLength(raw.socket ?? '') > SOCKET_PATH_MAX) {
    const expected = `a path of at most ${SOCKET_PATH_MAX} bytes`;
    yield { key: 'socket', expected, found: raw.socket };
  }
  if (sound('listen') && raw.listen !== undefined) yield* listenFaults('listen', raw.listen);
  if (!sound('addresses')) return;
  for (const [i, found] of (raw.addresses ?? []).entries()) {
    if (isIP(found) === 0) yield { key: `addresses[${i}]`, expected: 'an IP address', found };
  }
}

type Place = Exclude<keyof ConfigFile['registers'], 'backend'>;

/** The keys that say where a backend's registers are: one of them. */
const KEYS_OF: Record<ConfigFile['registers']['backend'], readonly Place[]> = {
  auto: ['pci', 'device'],
  bar: ['pci'],
  sysfs: ['pci', 'device'],
  uio: ['uio', 'device'],
  file: ['path'],
};

function* registersFaults(registers: ConfigFile['registers']): Generator<Fault> {
  const { backend } = registers;
  const own = KEYS_OF[backend];
  for (const key of ['pci', 'uio', 'device', 'path'] as const) {
    const found = registers[key];
    if (own.includes(key) || found === undefined) continue;
    yield { key: `registers.${key}`, expected: `no such key with backend "${backend}"`, found };
  }
  const [other] = own;
  const found = registers.device;
  if (
    found !== undefined &&
    other !== undefined &&
    own.length > 1 &&
    registers[other] !== undefined
  ) {
    yield { key: 'registers.device', expected: `no such key beside "${other}"`, found };
  }
  if (backend === 'file' && registers.path === undefined) {
    const expected = 'the path of a register file (backend is "file")';
    yield { key: 'registers.path', expected, found: undefined };
  }
}

/** A process has no RAM to add to: what is said of it would be ignored. */
function* memoryFaults({ registers, memory }: ConfigFile): Generator<Fault> {
  if (registers.backend !== 'file' || memory === undefined) return;
  yield { key: 'memory', expected: 'no such key with backend "file"', found: memory };
}

function* poolFaults(
  pool: ConfigFile['pool'],
  registers: ConfigFile['registers'] | undefined,
): Generator<Fault> {
  if (pool === undefined) return;
  if ((pool.path === undefined) === (pool.pci === undefined)) {
    yield { key: 'pool', expected: 'exactly one of the keys "pci" and "path"', found: pool };
  } else if (registers !== undefined) {
    const { backend } = registers;
    const key = backend === 'file' ? 'path' : 'pci';
    const expected = `the key "${key}" with backend "${backend}"`;
    if (pool[key] === undefined) yield { key: 'pool', expected, found: pool };
  }
}

function* sharesFaults(raw: NonNullable<ConfigFile['shares']>): Generator<Fault> {
  const spans = raw.map(({ start, size }) => ({
    start: BigInt(start),
    end: BigInt(start) + BigInt(size),
  }));
  for (const [i, { start, end }] of spans.entries()) {
    const found = raw[i];
    if (start === end) {
      yield { key: `shares[${i}].size`, expected: 'more than 0', found: found?.size };
    }
    if (end > 1n << 64n) {
      yield { key: `shares[${i}]`, expected: 'a range that ends within 64 bits', found };
    }
    const j = spans.findIndex((other, k) => k < i && other.start < end && start < other.end);
    if (j < 0) continue;
    yield { key: `shares[${i}]`, expected: `a range that does not overlap shares[${j}]`, found };
  }
}

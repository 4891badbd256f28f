import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect } from 'vitest';
import { BLOCK_MAX } from '../../src/abi/constants.js';
import type { ErrorCode } from '../../src/common/errors.js';
import { native, type RegisterBlock } from '../../src/native/index.js';

export const ROOT = resolve(import.meta.dirname, '../..');
export const ADDON = process.env.SDM_NATIVE ?? join(ROOT, 'build/Release/sdm_native.node');
export const PAGE = 4096;

/** A directory of this test file's own, removed after its tests. */
export function makeScratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sdm-native-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A file of zeros that takes no room until it is written. */
export function sparseFile(path: string, size: number): string {
  writeFileSync(path, '');
  truncateSync(path, size);
  return path;
}

export function formatFile(path: string, nports = 32): string {
  sparseFile(path, BLOCK_MAX);
  native.formatRegisters({ path }, { profile: 'zynq', nports });
  return path;
}

/** Runs with an open block that is closed whatever happens. */
export function withBlock<T>(path: string, work: (block: RegisterBlock) => T): T {
  const block = native.openRegisters({ path });
  try {
    return work(block);
  } finally {
    block.close();
  }
}

type CodedError = Error & { code: string };

function check(error: unknown, code: ErrorCode, type: ErrorConstructor): CodedError {
  expect(error).toBeInstanceOf(type);
  expect(error).toMatchObject({ code });
  const coded = error as CodedError;
  expect(coded.message.length).toBeGreaterThan(10);
  return coded;
}

/** @returns the error, whose code is `code`, that `call` throws. */
export function thrown(call: () => unknown, code: ErrorCode, type = Error): CodedError {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    return check(error, code, type);
  }
  throw new Error(`${String(call)} returned ${String(result)} instead of throwing ${code}`);
}

/** @returns the error, whose code is `code`, that the promise of `call` is rejected with. */
export async function rejected(
  call: () => Promise<unknown>,
  code: ErrorCode,
  type = Error,
): Promise<CodedError> {
  const promise = call(); // must not throw
  let result: unknown;
  try {
    result = await promise;
  } catch (error) {
    return check(error, code, type);
  }
  throw new Error(`${String(call)} gave ${String(result)} instead of rejecting with ${code}`);
}

/** Passes values on against their types: what a program in JavaScript can do. */
export function any<T>(value: unknown): T {
  return value as T;
}

/** Whether this process maps the file. */
export function isMapped(path: string): boolean {
  return readFileSync('/proc/self/maps', 'utf8').includes(path);
}

/** Waits in turns of the event loop, with a deadline. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited 20 s for ${what}`);
    await new Promise((done) => setImmediate(done));
  }
}

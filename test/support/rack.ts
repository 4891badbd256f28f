import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { fromBuffer, type MemportRegisters } from '../../src/abi/codec.js';
import { rackUp, type Rack, type RackUpOptions } from '../../src/rack/index.js';

/** Longest wait for one command in a brick, ms: a detach on a busy machine is the slowest. */
export const COMMAND_MS = 120_000;

/** A rack of a name that no other test file and no other run on this machine uses. */
export function testRack(name: string, options: RackUpOptions = {}): Promise<Rack> {
  return rackUp({ ...options, name: `t-${name}-${process.pid}` });
}

/** Runs a command in a brick that must work; gives its standard output. */
export async function inBrick(rack: Rack, n: number, command: string): Promise<string> {
  const { code, stdout, stderr } = await rack.exec(n, command, { timeoutMs: COMMAND_MS });
  expect({ command, code, stderr }).toMatchObject({ command, code: 0 });
  return stdout;
}

/** Runs sdm-agent in a brick with --json; it must work. */
export async function agentJson<T>(rack: Rack, n: number, args: string): Promise<T> {
  return JSON.parse(await inBrick(rack, n, `sdm-agent ${args} --json`)) as T;
}

/** Runs sdm-agent in a brick; it must fail. Gives the exit code and the one line of its error. */
export async function agentRefuses(
  rack: Rack,
  n: number,
  args: string,
): Promise<{ code: number; line: string }> {
  const { code, stdout, stderr } = await rack.exec(n, `sdm-agent ${args}`, {
    timeoutMs: COMMAND_MS,
  });
  expect({ args, code, stdout }).not.toMatchObject({ code: 0 });
  return { code, line: stderr.trim() };
}

/**
 * Starts a program in a brick that prints a line when it is where the test wants it and then holds
 * that until its input ends.
 */
export async function holdInBrick(
  rack: Rack,
  n: number,
  command: string,
): Promise<{ line: string; release: () => Promise<number> }> {
  const [program, ...args] = rack.sshArgv(n, command);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)));
  const line = await new Promise<string>((resolve, reject) => {
    const deadline = setTimeout(() => {
      child.kill();
      reject(new Error(`"${command}" printed no line within ${COMMAND_MS} ms`));
    }, COMMAND_MS);
    createInterface({ input: child.stdout }).once('line', (text) => {
      clearTimeout(deadline);
      resolve(text);
    });
    void ended.then((code) => reject(new Error(`"${command}" ended with ${code}`)));
  });
  return {
    line,
    release: () => {
      child.stdin.end();
      return ended;
    },
  };
}

/** What the kernel of a brick must never have said. */
export async function expectCleanKernelLog(rack: Rack, n: number): Promise<void> {
  const log = await inBrick(rack, n, 'dmesg');
  const bad = log
    .split('\n')
    .filter((line) => /\b(WARNING|BUG|Oops|Call trace|Internal error)\b/.test(line));
  expect(bad).toEqual([]);
}

/** The memports of a brick that are set, read on the host from the file behind its registers. */
export function setMemports(rack: Rack, n: number): MemportRegisters[] {
  return fromBuffer(readFileSync(rack.registersPath(n))).memports.filter((port) => port.set);
}

/** Whether a range of the pool reads zero from the host. Offset and size in bytes. */
export async function poolIsZero(rack: Rack, start: bigint, size: bigint): Promise<boolean> {
  const file = await open(rack.poolPath, 'r');
  try {
    const buffer = Buffer.alloc(Number(size));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, Number(start));
    // what was not read is zero in the buffer whatever the pool holds
    expect(bytesRead).toBe(buffer.length);
    return buffer.every((byte) => byte === 0);
  } finally {
    await file.close();
  }
}

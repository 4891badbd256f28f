/** Register blocks that nobody made on purpose, and what is asked of an agent that has one. */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import { MEMPORT, MEMPORT_BASE, MEMPORT_STRIDE, REG } from '../../src/abi/codec.js';
import { Agent } from '../../src/agent/agent.js';
import { createServer } from '../../src/agent/api/server.js';
import { LinkMonitor } from '../../src/agent/observe/link-monitor.js';
import { Observation } from '../../src/agent/observe/index.js';
import { probeThroughAgent } from '../../src/agent/probe/collect.js';
import { PROGRAM_MS } from '../../src/agent/attachments/stages.js';
import { createLog } from '../../src/common/log.js';
import { native, type MemoryMap, type Native, type RegisterBlock } from '../../src/native/index.js';
import { makeBrick, MIB, type TestBrick } from '../agent/brick.js';
import { OpenApiChecker } from '../support/openapi.js';

const POOL = 16n * MIB;

/** A word that somebody writes somewhere in the block. */
export interface Scribble {
  readonly offset: number;
  readonly value: bigint;
}

export interface HostileBlock {
  readonly profile: 'generic' | 'zynq';
  readonly nports: number;
  /** Written over the formatted block before an agent sees it. */
  readonly words: readonly Scribble[];
  /** The first bytes of the file, instead of all that. */
  readonly garbage?: Uint8Array | undefined;
}

/** Where something begins or ends, and what lies beside it. */
const word = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, 3n, 16n, 22n, 23n, 1n << 63n, (1n << 64n) - 1n, (1n << 32n) - 1n),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.integer({ min: 0, max: 63 }).map((bit) => 1n << BigInt(bit)),
  fc.integer({ min: 0, max: 63 }).map((bit) => (1n << BigInt(bit)) - 1n),
  // granules of both profiles' windows, and one byte beside them
  fc
    .tuple(fc.constantFrom(0n, 0x4_0000_0000n), fc.nat(64), fc.integer({ min: -1, max: 1 }))
    .map(([base, n, beside]) => BigInt.asUintN(64, base + BigInt(n) * 0x20_0000n + BigInt(beside))),
);

const inHeader = fc.record({
  offset: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(REG.ID, REG.NPORTS, REG.GRANULE, REG.FEATURES) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        ...[REG.WINDOW_BASE, REG.WINDOW_SIZE, REG.REMOTE_SIZE, REG.EPOCH, REG.NTRANSCEIVERS],
        ...[REG.LINK_STATUS, REG.LINK_RESET, REG.LINK_DOWNS, REG.LINK_DOWNS + 8],
      ),
    },
  ),
  value: word,
});

const inMemport = fc.record({
  offset: fc
    .tuple(fc.oneof(fc.nat(3), fc.nat(511)), fc.constantFrom(...Object.values(MEMPORT)))
    .map(([port, reg]) => MEMPORT_BASE + port * MEMPORT_STRIDE + reg),
  value: word,
});

export const scribble: fc.Arbitrary<Scribble> = fc.oneof(
  { weight: 1, arbitrary: inHeader },
  { weight: 4, arbitrary: inMemport },
);

export const hostileBlock: fc.Arbitrary<HostileBlock> = fc.record(
  {
    profile: fc.constantFrom('generic' as const, 'zynq' as const),
    nports: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(1, 2, 4, 8, 32) },
      { weight: 1, arbitrary: fc.constantFrom(511, 512) },
    ),
    words: fc
      .tuple(fc.array(inHeader, { maxLength: 2 }), fc.array(inMemport, { maxLength: 24 }))
      .map(([header, memports]) => [...header, ...memports]),
    garbage: fc.uint8Array({ maxLength: 256 }),
  },
  { requiredKeys: ['profile', 'nports', 'words'] },
);

interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly payload?: object;
}

const QUESTIONS: readonly Request[] = [
  ...['brick', 'memory', 'attachments', 'memports', 'memports/0', 'memports/3', 'transceivers'].map(
    (name) => ({ method: 'GET', url: `/v1/${name}` }) as const,
  ),
  { method: 'GET', url: '/healthz' },
  { method: 'GET', url: '/metrics' },
  { method: 'GET', url: '/v1/events?follow=false' },
];

const hex = word.map((value) => `0x${value.toString(16)}`);
const size = fc.oneof(fc.constantFrom('0x200000', '0x400000', '0x10000000'), hex);
const id = fc.constantFrom('a', 'b', 'c');
const override = fc.constantFrom('', '?override=true');

export const command: fc.Arbitrary<Request> = fc.oneof(
  fc
    .record({ id, size, mode: fc.constantFrom('device', 'device', 'system-ram') })
    .map((payload) => ({ method: 'POST', url: '/v1/attachments', payload }) as const),
  fc
    .record({ id, size, start: hex, remote: hex, outId: hex, memport: fc.nat(4) })
    .map(
      (rest) =>
        ({ method: 'POST', url: '/v1/attachments', payload: { ...rest, mode: 'device' } }) as const,
    ),
  fc
    .tuple(id, override)
    .map(([name, how]) => ({ method: 'DELETE', url: `/v1/attachments/${name}${how}` }) as const),
  fc
    .tuple(fc.nat(4), override, fc.record({ start: hex, size, remote: hex, outId: hex }))
    .map(
      ([port, how, payload]) =>
        ({ method: 'PUT', url: `/v1/memports/${port}${how}`, payload }) as const,
    ),
  fc
    .tuple(fc.nat(4), override)
    .map(([port, how]) => ({ method: 'DELETE', url: `/v1/memports/${port}${how}` }) as const),
  fc.nat(3).map((link) => ({ method: 'POST', url: `/v1/transceivers/${link}/reset` }) as const),
  fc.record({ startA: hex, endA: hex, offset: hex, net: hex }).map(
    (segment) =>
      ({
        method: 'POST',
        url: '/RemoteMemory',
        payload: { action: 'Add', segments: [segment] },
      }) as const,
  ),
);

/** A brick with that block in its register file; `map` is how somebody else writes to it. */
export function makeHostile(block: HostileBlock): { brick: TestBrick; map: MemoryMap } {
  const brick = makeBrick({
    poolSize: POOL,
    format: { profile: block.profile, nports: block.nports },
    config: { linkTimeoutMs: 1 },
  });
  const map = native.mapMemory({ path: brick.registers, length: 0x10000n, writable: true });
  for (const each of block.words) write(map, each);
  if (block.garbage !== undefined) {
    const length = block.garbage.length - (block.garbage.length % 8);
    map.write(0n, block.garbage.subarray(0, length));
  }
  return { brick, map };
}

export function write(map: MemoryMap, { offset, value }: Scribble): void {
  map.write(BigInt(offset), new Uint8Array(BigUint64Array.of(value).buffer));
}

/**
 * The addon, with something done before every look at the registers, and logic that nobody waits for:
 * a block that says it has logic has none here, and each command would wait for it in vain.
 */
export function interfering(before: () => void): Native {
  const wrap = (block: RegisterBlock): RegisterBlock => ({
    info: block.info,
    staging: block.staging,
    program(count, deadlineMs) {
      // all that keeps a broken device from stopping the agent
      expect(deadlineMs).toBeLessThanOrEqual(PROGRAM_MS);
      before();
      return block.program(count, 1);
    },
    snapshot(into) {
      before();
      block.snapshot(into);
    },
    read(offset) {
      before();
      return block.read(offset);
    },
    writeEpoch: (epoch) => block.writeEpoch(epoch),
    resetLink: (t) => block.resetLink(t),
    close: () => block.close(),
  });
  return {
    ...native,
    openRegisters: (source, options) => wrap(native.openRegisters(source, options)),
  };
}

/** The document is the same for every block, and takes longer to compile than a block to serve. */
let checker: OpenApiChecker | undefined;

/** The codes that opening a block may end with. */
const BLOCK_CODE = /^SDM_BLOCK_(FOREIGN|INVALID|SIZE|UNFORMATTED|VERSION)$/;

/**
 * Serves such a brick and asks all there is, before and after each command.
 * @returns how many commands were done; undefined: the block was refused.
 */
export async function serveHostile(
  brick: TestBrick,
  commands: readonly Request[],
  using: Native = native,
): Promise<number | undefined> {
  const observation = new Observation();
  const config = { ...brick.config, sysfs: join(brick.directory, 'sys') };
  const open = Agent.open(config, { native: using, observer: observation });
  const agent = await open.catch((error: { code?: unknown }) => {
    expect(error.code).toMatch(BLOCK_CODE);
  });
  if (agent === undefined) return undefined;
  const links = new LinkMonitor(agent, observation, createLog('test', 'silent'));
  const { app } = await createServer(
    { brick: 'b', agent, observation, probe: async () => probeThroughAgent(agent, config) },
    createLog('test', 'silent'),
  );
  checker ??= new OpenApiChecker((await app.inject('/openapi.json')).json());
  const ask = async ({ method, url, payload }: Request): Promise<number> => {
    const answer = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) });
    const type = String(answer.headers['content-type']).split(';')[0]!;
    const json = type === 'application/json';
    const body: unknown = json ? JSON.parse(answer.body) : answer.body;
    if (type !== 'text/event-stream') checker!.check(method, url, answer.statusCode, body, type);
    if (json) expect(body).not.toMatchObject({ code: 'SDM_INTERNAL' });
    return answer.statusCode;
  };
  let done = 0;
  try {
    await agent.reconcile();
    for (const question of QUESTIONS) await ask(question);
    for (const each of commands) {
      if ((await ask(each)) < 300) done += 1;
      links.look();
      for (const question of QUESTIONS) await ask(question);
    }
  } finally {
    await app.close();
    await agent.close();
  }
  return done;
}

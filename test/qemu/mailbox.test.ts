import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ANSWER, GRANTS_MAX, INT, REG, REPLY, REQUEST } from '../../src/abi/codec.js';
import { waitFor } from '../../src/common/wait.js';
import { hexdump, mailboxDumps } from '../abi/examples.js';
import { BUILD_MS } from '../support/patched.js';
import { memoryDir } from '../support/scratch.js';
import { patchedQemu, startMachine, type Machine } from './machine.js';

const GIB = 1n << 30n;
const COOKIE = 0x5dc0_0001n;
const dumps = mailboxDumps();

const work = memoryDir('qtest');
let machine: Machine;
let slice = 0n;

// As in docs/mailbox.md.
beforeAll(async () => {
  machine = await startMachine({
    binary: await patchedQemu(),
    dir: mkdtempSync(join(work, 'm-')),
    pool: 4n * GIB,
    properties: ['window=64G', 'grant-granule=256M', 'request-timeout=30000'],
  });
}, BUILD_MS);
afterAll(() => machine?.end());

async function dump(first: number, last: number): Promise<string> {
  const bytes = Buffer.alloc(REG.MAILBOX + 0x100);
  const registers = Array.from({ length: (last - first) / 8 + 1 }, (_, i) => first + 8 * i);
  const words = await machine.device.read(registers);
  registers.forEach((register, i) => bytes.writeBigUInt64LE(words[i]!, register));
  return hexdump(bytes, first, last + 8);
}
const request = (): Promise<string> => dump(REG.REQUEST_SEQ, REG.REQUEST_TIMEOUT);
const call = (): Promise<string> => dump(REG.CALL_SEQ, REG.REPLY_CODE);

const read = async (register: number): Promise<bigint> =>
  (await machine.device.read([register]))[0]!;

/** Waits as a driver does, by looking. */
const until = (register: number, value: bigint): Promise<unknown> =>
  waitFor(
    `register 0x${register.toString(16)} to be ${value}`,
    async () => (await read(register)) === value || undefined,
    { timeoutMs: 10_000, intervalMs: 1 },
  );

interface Answer {
  readonly code: number;
  readonly cookie: bigint;
  readonly start: bigint;
  readonly size: bigint;
}

/** Asks, and waits for the answer; the number of the question is one more than the one before. */
async function ask(command: number, cookie: bigint, argument = 0n): Promise<Answer> {
  const seq = (await read(REG.REQUEST_SEQ)) + 1n;
  await machine.device.write([
    [REG.REQUEST_COMMAND, BigInt(command)],
    [REG.REQUEST_COOKIE, cookie],
    [REG.REQUEST_ARGUMENT, argument],
    [REG.REQUEST_SEQ, seq],
  ]);
  await until(REG.ANSWER_SEQ, seq);
  const [code, of, start, size] = await machine.device.read([
    REG.ANSWER_CODE,
    REG.ANSWER_COOKIE,
    REG.ANSWER_START,
    REG.ANSWER_SIZE,
  ]);
  return { code: Number(code), cookie: of!, start: start!, size: size! };
}

const qmp = (command: string, args: Record<string, unknown> = {}): Promise<unknown> =>
  machine.qmp.execute(command, { device: 'memports', ...args });

/** Grants a slice of the pool of its own. */
async function grant(
  cookie: bigint,
  size: bigint,
  args: Record<string, unknown> = {},
): Promise<void> {
  const id = `slice${slice}`;
  await machine.qmp.execute('object-add', {
    ...{ 'qom-type': 'memory-backend-remote', id, 'mem-path': machine.pool },
    ...{ offset: Number(slice * GIB), size: Number(size) },
  });
  slice += 1n;
  await qmp('sdm-memory-grant', { cookie: Number(cookie), memdev: id, ...args });
}

const interrupts = async (): Promise<bigint[]> => {
  const status = await read(REG.INT_STATUS);
  await machine.device.write([[REG.INT_STATUS, status]]);
  expect(await read(REG.INT_STATUS)).toBe(0n);
  return [...Object.values(INT)].filter((bit) => (status >> BigInt(bit)) & 1n).map(BigInt);
};

// In order: it is one conversation.
describe('the conversation of docs/mailbox.md, byte by byte', () => {
  test('the guest has asked, but for the number', async () => {
    await machine.device.write([
      [REG.REQUEST_COMMAND, BigInt(REQUEST.ADD)],
      [REG.REQUEST_COOKIE, COOKIE],
      [REG.REQUEST_ARGUMENT, GIB],
    ]);
    expect(await request()).toBe(dumps.asking);
  });

  test('it is granted', async () => {
    await machine.device.write([[REG.REQUEST_SEQ, 1n]]);
    expect(await read(REG.ANSWER_SEQ)).toBe(0n);
    expect(await interrupts()).toEqual([]);
    await grant(COOKIE, GIB, { distance: 40 });
    await until(REG.ANSWER_SEQ, 1n);
    expect(await request()).toBe(dumps.granted);
    expect(await interrupts()).toEqual([BigInt(INT.ANSWER)]);
  });

  test('it is asked back, and the guest accepts', async () => {
    await qmp('sdm-memory-reclaim', { cookie: Number(COOKIE), timeout: 10_000 });
    expect(await call()).toBe(dumps.called);
    expect(await interrupts()).toEqual([BigInt(INT.CALL)]);
    await machine.device.write([
      [REG.REPLY_CODE, BigInt(REPLY.ACCEPTED)],
      [REG.REPLY_SEQ, 1n],
    ]);
    expect(await call()).toBe(dumps.replied);
  });

  test('it is removed', async () => {
    await machine.device.write([
      [REG.REQUEST_COMMAND, BigInt(REQUEST.REMOVE)],
      [REG.REQUEST_SEQ, 2n],
    ]);
    await until(REG.ANSWER_SEQ, 2n);
    expect(await request()).toBe(dumps.removed);
    expect(await interrupts()).toEqual([BigInt(INT.ANSWER)]);
  });
});

describe('what docs/mailbox.md says of', () => {
  const MIB256 = 256n << 20n;

  test('answers that come at once', async () => {
    const none = { start: 0n, size: 0n };
    const refused = async (code: number, command: number, cookie: bigint, argument?: bigint) =>
      expect(await ask(command, cookie, argument)).toEqual({ code, cookie, ...none });
    await refused(ANSWER.BAD_COMMAND, 0, 1n);
    await refused(ANSWER.BAD_COMMAND, 4, 0n);
    await refused(ANSWER.BAD_COOKIE, REQUEST.ADD, 0n, 0n);
    await refused(ANSWER.BAD_COOKIE, REQUEST.REMOVE, 0n);
    await refused(ANSWER.BAD_SIZE, REQUEST.ADD, 1n, 0n);
    await refused(ANSWER.BAD_SIZE, REQUEST.ADD, 1n, (64n << 30n) + 1n);
    await refused(ANSWER.BAD_SIZE, REQUEST.ADD, 1n, (1n << 64n) - 1n);
    await refused(ANSWER.OK, REQUEST.REMOVE, 99n);
    expect(await ask(REQUEST.LIST, 7n, 0n)).toEqual({ code: ANSWER.END, cookie: 0n, ...none });
  });

  test('asking again', async () => {
    const asked = ask(REQUEST.ADD, 5n, 1n);
    await until(REG.REQUEST_SEQ, (await read(REG.ANSWER_SEQ)) + 1n);
    await grant(5n, MIB256);
    const granted = { code: ANSWER.OK, cookie: 5n, start: 0x8f_f000_0000n, size: MIB256 };
    expect(await asked).toEqual(granted);
    expect(await ask(REQUEST.ADD, 5n, MIB256)).toEqual(granted);
    expect((await ask(REQUEST.ADD, 5n, MIB256 + 1n)).code).toBe(ANSWER.BAD_COOKIE);
    expect(await ask(REQUEST.LIST, 0n, 0n)).toEqual(granted);
    expect((await ask(REQUEST.LIST, 0n, 1n)).code).toBe(ANSWER.END);
    expect(await ask(REQUEST.REMOVE, 5n)).toEqual(granted);
    expect(await ask(REQUEST.REMOVE, 5n)).toEqual({ ...granted, start: 0n, size: 0n });
  });

  test('one question at a time: an answer is to the last, and the one before is joined', async () => {
    const seq = await read(REG.REQUEST_SEQ);
    const put = (cookie: bigint, next: bigint): Promise<void> =>
      machine.device.write([
        [REG.REQUEST_COMMAND, BigInt(REQUEST.ADD)],
        [REG.REQUEST_COOKIE, cookie],
        [REG.REQUEST_ARGUMENT, MIB256],
        [REG.REQUEST_SEQ, next],
      ]);
    await put(11n, seq + 1n);
    await put(12n, seq + 2n);
    await grant(11n, MIB256);
    expect((await ask(REQUEST.ADD, 11n, MIB256)).code).toBe(ANSWER.OK);
    await qmp('sdm-memory-refuse', { cookie: 12 });
    await grant12Refused();
    expect((await ask(REQUEST.REMOVE, 11n)).size).toBe(MIB256);
  });

  /** 12 was refused while nobody asked for it: asking again is a new request. */
  async function grant12Refused(): Promise<void> {
    const again = ask(REQUEST.ADD, 12n, MIB256);
    await until(REG.REQUEST_SEQ, (await read(REG.ANSWER_SEQ)) + 1n);
    await qmp('sdm-memory-refuse', { cookie: 12 });
    expect((await again).code).toBe(ANSWER.REFUSED);
  }

  test('the limit', async () => {
    const seq = await read(REG.REQUEST_SEQ);
    await machine.device.write(
      Array.from({ length: GRANTS_MAX }, (_, i) => [
        [REG.REQUEST_COMMAND, BigInt(REQUEST.ADD)] as const,
        [REG.REQUEST_COOKIE, 100n + BigInt(i)] as const,
        [REG.REQUEST_ARGUMENT, MIB256] as const,
        [REG.REQUEST_SEQ, seq + 1n + BigInt(i)] as const,
      ]).flat(),
    );
    expect((await ask(REQUEST.ADD, 99n, MIB256)).code).toBe(ANSWER.LIMIT);
    expect(await ask(REQUEST.REMOVE, 100n)).toMatchObject({ code: ANSWER.OK, size: 0n });
  });

  test('a reset', async () => {
    await machine.device.write([
      [REG.EPOCH, 7n],
      [REG.INT_ENABLE, ~0n & 0xffff_ffff_ffff_ffffn],
    ]);
    expect(await read(REG.INT_ENABLE)).toBe(7n);
    await qmp('sdm-link-set', { transceiver: 1, up: false });
    const constant = [
      REG.ID,
      REG.FEATURES,
      REG.NPORTS,
      REG.WINDOW_SIZE,
      REG.REMOTE_SIZE,
      REG.GRANULE,
    ];
    const kept = [
      ...constant,
      REG.NTRANSCEIVERS,
      REG.LINK_STATUS,
      REG.REQUEST_GRANULE,
      REG.REQUEST_TIMEOUT,
    ];
    const before = await machine.device.read(kept);
    await machine.qmp.execute('system_reset');
    // The BARs are gone as well: firmware places them again.
    await waitFor('the reset', () => machine.device.place(), { timeoutMs: 10_000, intervalMs: 1 });
    expect(await machine.device.read(kept)).toEqual(before);
    expect(await read(REG.LINK_STATUS)).toBe(0b1101n);
    const rest = Array.from({ length: 0x200 / 8 }, (_, i) => 8 * i).filter(
      (register) => ![...kept, REG.WINDOW_BASE].includes(register as never),
    );
    expect(await machine.device.read(rest)).toEqual(rest.map(() => 0n));
  });
});

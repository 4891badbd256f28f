import { createHash } from 'node:crypto';
import { copyFileSync, openSync, closeSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BLOCK_MAX, fromBuffer, REG } from '../../src/abi/codec.js';
import { native } from '../../src/native/index.js';
import type { Rack } from '../../src/rack/index.js';
import { anyRequest } from '../abi/requests.js';
import { compileForGuest, guestProgram, KERNEL_TESTS } from '../support/guest-tests.js';
import { expectCleanKernelLog, holdInBrick, inBrick, testRack } from '../support/rack.js';
import { memoryDir } from '../support/scratch.js';
import { asLine, ERRNO, statuses } from '../support/sdmc-requests.js';

const SUITE_MS = 600_000;
/** Memports for each device and state of its links. */
const BATCH = 500;

const FIRST = '0000:00:02.0';
const SECOND = '0000:00:07.0';

let rack: Rack;
let tap: string;
/** For the registers of the second device, which the host made, and for models of both. */
const work = memoryDir('sdmc');
let second: string;

/** Two ivshmem devices over the same registers: one for the driver, one for who plays the logic. */
function secondDevice(): string[] {
  const memory = `share=on,size=${BLOCK_MAX},mem-path=${second}`;
  return ['07.0', '08.0'].flatMap((address, i) => [
    ...['-object', `memory-backend-file,id=second${i},${memory}`],
    ...['-device', `ivshmem-plain,memdev=second${i},addr=${address}`],
  ]);
}

/** The driver's own tests, in a brick with no agent that would use the registers as well. */
beforeAll(async () => {
  second = join(work, 'second');
  native.formatRegisters({ path: makeFile(second) }, { profile: 'zynq' });
  const file = (name: string, path: string) => guestProgram(`/brick/tests/${name}`, path);
  rack = await testRack('sdmc', {
    bricks: 1,
    append: 'sdm.agent=no sdm.module=no',
    qemuArgs: secondDevice(),
    extra: [
      file('sdmc.sh', join(KERNEL_TESTS, 'sdmc.sh')),
      file('lib.sh', join(KERNEL_TESTS, 'lib.sh')),
      file('sdmtool', await compileForGuest('sdmtool', work)),
      file('sdmctool', await compileForGuest('sdmctool', work)),
    ],
  });
  const { stdout } = await rack.exec(
    1,
    'cd /brick/tests && sh ./sdmc.sh /opt/sdm/sdmc.ko ./sdmtool ./sdmctool',
    { timeoutMs: SUITE_MS },
  );
  tap = stdout;
}, SUITE_MS);
afterAll(async () => {
  await rack?.down();
});

/** A file of zeros, as long as a block. */
function makeFile(path: string): string {
  const fd = openSync(path, 'w');
  writeSync(fd, Buffer.alloc(BLOCK_MAX));
  closeSync(fd);
  return path;
}

/** Writes a register as the other side of a passive block does, into the file behind it. */
function writeRegister(path: string, register: number, value: bigint): void {
  const word = Buffer.alloc(8);
  word.writeBigUInt64LE(value);
  const fd = openSync(path, 'r+');
  writeSync(fd, word, 0, word.length, register);
  closeSync(fd);
}

describe('the driver’s own tests, on the stock kernel', () => {
  it('come to their end', () => {
    const plan = /^1\.\.(\d+)$/m.exec(tap);
    expect(plan, tap).not.toBeNull();
    expect(tap.match(/^(not )?ok \d+/gm)).toHaveLength(Number(plan?.[1]));
  });

  it('pass one and all', () => {
    expect(tap.split('\n').filter((line) => /^(not ok|Bail out!|# expected)/.test(line))).toEqual(
      [],
    );
  });
});

describe('random memports', () => {
  const found = new Map<number, number>();

  it.each([
    [FIRST, 'generic: no translation, the window found by the driver', 0xfn, true],
    [FIRST, 'generic, a link down, alignment not checked', 0xdn, false],
    [SECOND, 'zynq: translation', 0xfn, true],
    [SECOND, 'zynq, links down, alignment not checked', 0x6n, false],
  ])('end in the driver as in the addon: %s, %s', async (device, _, links, checkAlignment) => {
    const registers = device === FIRST ? rack.registersPath(1) : second;
    const tree = `/sys/sdmc/devices/${device}`;
    writeRegister(registers, REG.LINK_STATUS, links);
    const windowBase = BigInt(
      await inBrick(
        rack,
        1,
        `echo ${checkAlignment ? 1 : 0} >${tree}/check_alignment; cat ${tree}/window_base`,
      ),
    );
    const model = join(work, 'model');
    copyFileSync(registers, model);
    const seed = Date.now() & 0x7fffffff;
    const header = { ...fromBuffer(readFileSync(model)).header, windowBase };
    const requests = fc.sample(anyRequest(header), { numRuns: BATCH, seed });

    const block = native.openRegisters({ path: model }, { windowBase, checkAlignment });
    let expected: number[];
    try {
      expected = statuses(block, requests);
    } finally {
      block.close();
    }
    const { stdout, stderr } = await rack.exec(1, `/brick/tests/sdmctool program ${tree}`, {
      input: requests.map((request, n) => `${asLine(request, n)}\n`).join(''),
    });
    expect(stderr).toBe('');
    const answers = stdout.trim().split('\n');
    expect(answers, `seed ${seed}`).toEqual(
      expected.map((status) => `${ERRNO.get(status)} ${status}`),
    );
    expect(readFileSync(registers).equals(readFileSync(model)), `seed ${seed}`).toBe(true);
    expect(await inBrick(rack, 1, `md5sum <${tree}/registers`)).toBe(
      `${createHash('md5').update(readFileSync(model)).digest('hex')}  -\n`,
    );
    for (const status of expected) found.set(status, (found.get(status) ?? 0) + 1);
  });

  it('were good and bad in all ways', () => {
    expect([...found.keys()].sort((a, b) => a - b)).toEqual(
      [...ERRNO.keys()].sort((a, b) => a - b),
    );
  });
});

describe('a link that the rack takes down', () => {
  it('wakes who polls in the brick', async () => {
    const registers = rack.registersPath(1);
    writeRegister(registers, REG.LINK_STATUS, 0xfn);
    const poll = await holdInBrick(
      rack,
      1,
      `/brick/tests/sdmctool poll /sys/sdmc/devices/${FIRST}/transceiver/linkStatus`,
    );
    expect(poll.line).toBe('polling');
    writeRegister(registers, REG.LINK_STATUS, 0xbn);
    expect(await poll.release()).toBe(0);
    expect(await inBrick(rack, 1, `cat /sys/sdmc/devices/${FIRST}/transceiver/linkStatus`)).toBe(
      '0 Up\n1 Up\n2 Down\n3 Up\n',
    );
  });
});

describe('all that', () => {
  it('leaves no complaint in the kernel’s log', () => expectCleanKernelLog(rack, 1));
});

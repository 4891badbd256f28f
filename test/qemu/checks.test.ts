import { closeSync, mkdtempSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  BLOCK_MAX,
  fromBuffer,
  hasFeature,
  MEMPORT,
  MEMPORT_BASE,
  MEMPORT_STRIDE,
  STATUS,
  toBuffer,
} from '../../src/abi/codec.js';
import { native, STAGING, type RegisterBlock } from '../../src/native/index.js';
import { EMPTY } from '../abi/examples.js';
import { Model, type Request } from '../abi/model.js';
import { anyRequest, often } from '../abi/requests.js';
import { BUILD_MS } from '../support/patched.js';
import { memoryDir } from '../support/scratch.js';
import { patchedQemu, startMachine, type Machine } from './machine.js';

const GRANULE = 2n << 20n;
const POOL = 32n * GRANULE;
const WINDOW = 8n * GRANULE;
const NPORTS = 6;
const RUNS = 120;
const BUSY_MS = 10_000;

const work = memoryDir('qtest');
let machine: Machine;

beforeAll(async () => {
  machine = await startMachine({
    binary: await patchedQemu(),
    dir: mkdtempSync(join(work, 'm-')),
    pool: POOL,
    properties: [`window=${WINDOW}`, `granule=${GRANULE}`, `ports=${NPORTS}`, 'grant-granule=4M'],
  });
}, BUILD_MS);
afterAll(() => machine?.end());

const at = (port: number, register: number): number =>
  MEMPORT_BASE + port * MEMPORT_STRIDE + register;

/** What a driver does: the fields, SET, then STATUS until it is not busy. */
async function apply({ port, start, end, offset, outId, inId, set }: Request): Promise<number> {
  const fields = [
    [MEMPORT.START, start],
    [MEMPORT.END, end],
    [MEMPORT.OFFSET, offset],
    [MEMPORT.OUT_ID, outId],
    [MEMPORT.IN_ID, inId],
  ] as const;
  const { device } = machine;
  await device.write([
    ...(set ? fields.map(([register, value]) => [at(port, register), value] as const) : []),
    [at(port, MEMPORT.SET), set ? 1n : 0n],
  ]);
  const deadline = Date.now() + BUSY_MS;
  for (;;) {
    const [status] = await device.read([at(port, MEMPORT.STATUS)]);
    if (Number(status) !== STATUS.BUSY) return Number(status);
    if (Date.now() > deadline) throw new Error(`memport ${port} is busy for ${BUSY_MS} ms`);
  }
}

/** The same by the function of the addon that makes the checks of a block without logic. */
function program(block: RegisterBlock, request: Request): number {
  const { port, start, end, offset, outId, inId, set } = request;
  block.staging.set([BigInt(port), start, end, offset, outId, inId, set ? 1n : 0n, 0n]);
  block.program(1);
  return Number(block.staging[STAGING.STATUS]);
}

async function setLinks(up: bigint): Promise<void> {
  for (let transceiver = 0; transceiver < 4; transceiver++) {
    await machine.qmp.execute('sdm-link-set', {
      device: 'memports',
      transceiver,
      up: ((up >> BigInt(transceiver)) & 1n) === 1n,
    });
  }
}

/** As new, but for links that are pulled and how often they were. */
async function clearAll(): Promise<void> {
  const none = { start: 0n, end: 0n, offset: 0n, outId: 0n, inId: 0n };
  for (let port = 0; port < NPORTS; port++) {
    expect(await apply({ port, ...none, set: false })).toBe(STATUS.INACTIVE);
    await machine.device.write(
      [MEMPORT.START, MEMPORT.END, MEMPORT.OFFSET, MEMPORT.OUT_ID, MEMPORT.IN_ID].map(
        (register) => [at(port, register), 0n] as const,
      ),
    );
  }
}

function poolWord(offset: bigint): bigint {
  const bytes = Buffer.alloc(8);
  const fd = openSync(machine.pool, 'r');
  readSync(fd, bytes, 0, 8, Number(offset));
  closeSync(fd);
  return bytes.readBigUInt64LE();
}

describe('the registers of the device', () => {
  test('are those of logic that translates, at the BAR', async () => {
    const { header, memports } = fromBuffer(await machine.device.bytes());
    expect(header).toMatchObject({
      version: 1,
      features: 0xfn,
      nports: NPORTS,
      windowBase: machine.device.window,
      windowSize: WINDOW,
      remoteSize: POOL,
      granule: GRANULE,
      ntransceivers: 4,
      linkStatus: 0xfn,
      linkReset: 0n,
      linkDowns: [0n, 0n, 0n, 0n],
    });
    expect(hasFeature(header.features, 'passive')).toBe(false);
    expect(memports).toEqual(Array.from({ length: NPORTS }, () => EMPTY));
  });
});

describe('whatever is asked for', () => {
  const file = join(work, 'registers');
  const around = {
    windowBase: 0x80_0000_0000n,
    windowSize: WINDOW,
    remoteSize: POOL,
    granule: GRANULE,
    nports: NPORTS,
  };
  const requests = fc.array(anyRequest(around, true), { minLength: 10, maxLength: 30 });
  const links = often(fc.constant(15n), fc.bigInt({ min: 0n, max: 15n }));

  test('the device, the addon and the page say the same', async () => {
    const asked = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(requests, links, async (batch, linkStatus) => {
        await clearAll();
        await setLinks(linkStatus);
        const { header } = fromBuffer(await machine.device.bytes());
        expect(header).toMatchObject({ ...around, linkStatus });
        const passive = { ...header, features: header.features | 0x10n };
        const memports = Array.from({ length: NPORTS }, () => EMPTY);
        writeFileSync(file, toBuffer({ header: passive, memports }, BLOCK_MAX));
        const model = new Model(header);
        const block = native.openRegisters({ path: file });
        try {
          for (const request of batch) {
            const expected = model.apply(request);
            expect([expected, await apply(request)]).toEqual([expected, program(block, request)]);
            asked.set(expected, (asked.get(expected) ?? 0) + 1);
          }
        } finally {
          block.close();
        }
        expect(fromBuffer(readFileSync(file)).memports).toEqual(model.memports);
        expect(fromBuffer(await machine.device.bytes()).memports).toEqual(model.memports);
        await expectMapped(model);
      }),
      { numRuns: RUNS },
    );
    // Each answer was met, or nothing was compared.
    const all = [0, 1, STATUS.RANGE, STATUS.ALIGNMENT, STATUS.WINDOW, STATUS.REMOTE];
    const met = [...asked.keys()].sort((a, b) => a - b);
    expect(met).toEqual([...all, STATUS.OVERLAP, STATUS.LINK].sort((a, b) => a - b));
  }, 240_000);
});

let mark = 0x5d_0000_0000n;

/** What is written through a memport, at both of its ends, is in the pool where it leads. */
async function expectMapped(model: Model): Promise<void> {
  for (const { set, start, end, remote } of model.memports) {
    if (!set) continue;
    for (const distance of [0n, end - start - 7n]) {
      mark += 1n;
      await machine.device.machine.write('q', [[start + distance, mark]]);
      expect(poolWord(remote! + distance)).toBe(mark);
    }
  }
}

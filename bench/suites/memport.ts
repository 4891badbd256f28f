import { writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  blockLength,
  encodeOffset,
  featureBits,
  PROFILES,
  stageColumns,
  STATUS,
  toBuffer,
  writeStaging,
  type MemportColumns,
  type MemportEntry,
} from '../../src/abi/codec.js';
import { SdmError } from '../../src/common/errors.js';
import { STAGING, STAGING_WORDS, type Native, type RegisterBlock } from '../../src/native/types.js';
import { measureOne } from '../harness/commands.js';
import { compile } from '../harness/compile.js';
import { makeScratch } from '../harness/scratch.js';
import { perItem } from '../harness/time.js';
import type { CaseOptions, Cases, Comparison, Suite, Workload } from '../harness/types.js';
import { batchOf, SIX_FILES, sixFiles } from './six-files.js';

const NPORTS = 512;
const BATCH = 64;
const GRANULE = 2n << 20n;
const REMOTE = 0x8_0000_0000n;
const ZYNQ = PROFILES.zynq;

const SINGLE = 'one memport';
const PREFILLED = 'batch of 64, prefilled';
const COLUMNS = 'batch of 64, filled from typed arrays';
const OBJECTS = 'batch of 64, filled from objects';
const PASSIVE = 'passive block, batch of 64, set and clear';
const C_SINGLE = 'C loop, one';
const C_BATCH = 'C loop, batch of 64';
const C_PASSIVE = 'C loop with the same checks';

function entry(port: number): MemportEntry {
  const start = ZYNQ.windowBase + BigInt(port) * GRANULE;
  const remote = REMOTE + BigInt(port) * GRANULE;
  const id = BigInt(port);
  return { port, start, end: start + GRANULE - 1n, remote, outId: id, inId: id, set: true };
}

const ENTRIES = Array.from({ length: BATCH }, (_, port) => entry(port));

function column(value: (entry: MemportEntry) => bigint): BigUint64Array {
  return BigUint64Array.from(ENTRIES, value);
}

const TABLE: MemportColumns = {
  port: column(({ port }) => BigInt(port)),
  start: column(({ start }) => start),
  end: column(({ end }) => end),
  offset: column(({ start, remote }) => encodeOffset(start, remote)),
  outId: column(({ outId }) => outId),
  inId: column(({ inId }) => inId),
};

/**
 * A block whose logic answers at once: not passive, and STATUS already says active. So only the way
 * to the registers is measured, which is what hardware leaves to software.
 */
function answeringBlock(): Buffer {
  const linkDowns = Array.from({ length: ZYNQ.ntransceivers }, () => 0n);
  const header = {
    version: 1,
    features: featureBits('translation', 'transceivers'),
    nports: NPORTS,
    windowBase: ZYNQ.windowBase,
    windowSize: 4n << 30n,
    remoteSize: 64n << 30n,
    granule: GRANULE,
    epoch: 0n,
    ntransceivers: ZYNQ.ntransceivers,
    linkStatus: (1n << BigInt(ZYNQ.ntransceivers)) - 1n,
    linkReset: 0n,
    linkDowns,
  };
  const active = { start: 0n, end: 0n, offset: 0n, remote: 0n, outId: 0n, inId: 0n, faults: 0n };
  const memports = Array.from({ length: NPORTS }, () => ({
    ...active,
    set: false,
    status: STATUS.ACTIVE,
  }));
  return toBuffer({ header, memports }, blockLength(NPORTS));
}

/** @throws Error if a memport was refused: then the numbers would lie. */
function checkRefused(count: number): void {
  if (count === 0) return;
  throw new SdmError('SDM_BENCH', `${count} times a memport did not reach its STATUS`);
}

function fillObjects(staging: BigUint64Array): void {
  for (let i = 0; i < BATCH; i += 1) writeStaging(staging, i, ENTRIES[i]!);
}

/** The addon on a block that answers at once; readings are ns per memport or per batch. */
function logicWorkloads(block: RegisterBlock, count: number): Workload[] {
  const { staging } = block;
  const batches = Math.ceil(count / BATCH);
  const series = (name: string, items: number, loop: (items: number) => number): Workload => ({
    name,
    run: () => {
      stageColumns(staging, TABLE, BATCH);
      return { [name]: perItem(items, (n) => checkRefused(loop(n))) };
    },
  });
  const single = (n: number): number => {
    let refused = 0;
    for (let i = 0; i < n; i += 1) refused += block.program(1);
    return refused;
  };
  const prefilled = (n: number): number => {
    let refused = 0;
    for (let i = 0; i < n; i += 1) refused += block.program(BATCH);
    return refused;
  };
  const columns = (n: number): number => {
    let refused = 0;
    for (let i = 0; i < n; i += 1) {
      stageColumns(staging, TABLE, BATCH);
      refused += block.program(BATCH);
    }
    return refused;
  };
  const objects = (n: number): number => {
    let refused = 0;
    for (let i = 0; i < n; i += 1) {
      fillObjects(staging);
      refused += block.program(BATCH);
    }
    return refused;
  };
  return [
    series(SINGLE, count, single),
    series(PREFILLED, batches, prefilled),
    series(COLUMNS, batches, columns),
    series(OBJECTS, batches, objects),
  ];
}

/** The addon on a passive block, which needs its checks made: each batch is set, then cleared. */
function passiveWorkload(block: RegisterBlock, batches: number): Workload {
  const { staging } = block;
  const cycles = (n: number): void => {
    for (let i = 0; i < n; i += 1) {
      stageColumns(staging, TABLE, BATCH);
      checkRefused(block.program(BATCH));
      for (let at = STAGING.SET; at < BATCH * STAGING_WORDS; at += STAGING_WORDS) staging[at] = 0n;
      checkRefused(block.program(BATCH));
    }
  };
  return { name: PASSIVE, run: () => ({ [PASSIVE]: perItem(batches, cycles) }) };
}

const C_SOURCES = ['bench/native/memport_loop.c', 'native/src/passive.c', 'native/src/header.c'];

/** The C program, once per round: `ports` memports `count` times, in the way that `mode` names. */
type CLoop = (series: string, file: string, ports: number, count: number, mode: string) => Workload;

function cLoops(program: string, signal: AbortSignal): CLoop {
  return (series, file, ports, count, mode) => ({
    name: series,
    run: async () => {
      const argv = [program, file, String(ports), String(count), mode] as const;
      return { [series]: ports * (await measureOne(argv, 'ns', signal)) };
    },
  });
}

const lower = (name: string, baseline: string, unit: string, aim?: number): Comparison => ({
  case: name,
  baseline,
  unit,
  better: 'lower',
  ...(aim === undefined ? {} : { aim }),
});

const FILE_WAYS = Object.values(SIX_FILES);
const BATCH_UNIT = 'ns/batch of 64';
const COMPARISONS: readonly Comparison[] = [
  lower(SINGLE, C_SINGLE, 'ns/memport', 0.3),
  lower(PREFILLED, C_BATCH, BATCH_UNIT, 0.85),
  lower(COLUMNS, C_BATCH, BATCH_UNIT, 0.6),
  lower(OBJECTS, C_BATCH, BATCH_UNIT),
  lower(PASSIVE, C_PASSIVE, BATCH_UNIT),
  ...FILE_WAYS.map((way) => lower(SINGLE, way, 'ns/memport')),
  ...FILE_WAYS.map((way) => lower(COLUMNS, batchOf(way), BATCH_UNIT)),
];

interface Opened {
  readonly logic: RegisterBlock;
  readonly passive: RegisterBlock;
}

/** The C loops map the same files that these blocks map. */
function openBlocks(native: Native, files: { logic: string; passive: string }): Opened {
  writeFileSync(files.logic, answeringBlock());
  writeFileSync(files.passive, Buffer.alloc(blockLength(BATCH)));
  native.formatRegisters(
    { path: files.passive },
    { profile: 'zynq', nports: BATCH, granule: GRANULE },
  );
  return {
    logic: native.openRegisters({ path: files.logic }),
    passive: native.openRegisters({ path: files.passive }),
  };
}

async function cases({ quick, signal }: CaseOptions): Promise<Cases> {
  const { native } = await import('../../src/native/index.js');
  const scratch = makeScratch();
  try {
    const files = {
      logic: path.join(scratch.memory, 'logic'),
      passive: path.join(scratch.memory, 'passive'),
    };
    const program = path.join(scratch.programs, 'memport_loop');
    await compile(program, C_SOURCES, signal);
    const cLoop = cLoops(program, signal);
    const blocks = openBlocks(native, files);
    const scale = quick ? 10 : 1;
    const count = 640_000 / scale;
    const passive = 25_600 / scale;
    const six = sixFiles(scratch.memory, BATCH, 3_200 / scale, signal);
    return {
      workloads: [
        ...logicWorkloads(blocks.logic, count),
        passiveWorkload(blocks.passive, passive / BATCH),
        cLoop(C_SINGLE, files.logic, 1, count, 'logic'),
        cLoop(C_BATCH, files.logic, BATCH, count, 'logic'),
        cLoop(C_PASSIVE, files.passive, BATCH, passive, 'passive'),
        ...six.workloads,
      ],
      comparisons: COMPARISONS,
      close: () => {
        six.close();
        blocks.logic.close();
        blocks.passive.close();
        scratch.remove();
      },
    };
  } catch (error) {
    scratch.remove();
    throw error;
  }
}

export const memport: Suite = {
  name: 'memport',
  about: 'programming memports, on a register file in shared memory',
  emulated: 'the registers are memory; no bus is crossed, and the logic answers at once',
  rounds: 15,
  cases,
};

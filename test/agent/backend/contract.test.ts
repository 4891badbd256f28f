import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  hasFeature,
  MEMPORT,
  MEMPORT_BASE,
  MEMPORT_STRIDE,
  STATUS,
} from '../../../src/abi/codec.js';
import { openBackend, type MemportFields } from '../../../src/agent/backend/index.js';
import { barPath } from '../../../src/agent/backend/pci.js';
import type { RegisterBackend } from '../../../src/agent/backend/types.js';
import { listUio } from '../../../src/agent/backend/uio.js';
import { BACKENDS, type BackendKind, type RegistersConfig } from '../../../src/agent/types.js';
import { native } from '../../../src/native/index.js';
import { makeBrick } from '../brick.js';

/** Registers of a kind, as new: every memport clear, every link up. Passive, or logic's. */
interface Registers {
  open(): RegisterBackend;
  /** Past the backend, while none is open. */
  writeStatus(port: number, status: number): void;
  remove(): void;
}

const DEADLINE_MS = 1_000;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Set in a brick (test/vm/backends.vm.test.ts, test/vm/patched-registers.vm.test.ts): the one way to
 * registers that it has just now.
 */
const HERE = process.env['SDM_CONTRACT'];

/** Registers that are the machine's own, as `sdm rack` formats them or as logic has them. */
function machine(kind: BackendKind): (() => Registers) | undefined {
  if (HERE !== kind) return undefined;
  const config = {
    brick: 'contract',
    registers: (kind === 'uio'
      ? { backend: kind, uio: 'auto' }
      : { backend: kind, pci: 'auto' }) as RegistersConfig,
    pool: { pci: 'auto' },
    shares: [],
    node: 1,
  };
  const open = (): RegisterBackend => openBackend(native, config, '/sys', SILENT);
  const remove = (): void => {
    const backend = open();
    for (let port = 0; port < backend.info.nports; port++) backend.clear(port, DEADLINE_MS);
    backend.close();
  };
  const writeStatus = (port: number, status: number): void => {
    const backend = open();
    const device = backend.registers;
    backend.close();
    const bar = barPath('/sys', device);
    if (kind === 'uio') {
      const uio = listUio('/sys').find((each) => each.device === device);
      return writeStatusAt(`/dev/${uio?.name}`, port, status);
    }
    if (kind === 'bar') return writeStatusAt(bar, port, status);
    const driver = '/sys/bus/pci/drivers/sdmc';
    writeFileSync(join(driver, 'unbind'), device);
    try {
      writeStatusAt(bar, port, status);
    } finally {
      writeFileSync(join(driver, 'bind'), device);
    }
  };
  return () => ({ open, writeStatus, remove });
}

function writeStatusAt(path: string, port: number, status: number): void {
  const at = MEMPORT_BASE + port * MEMPORT_STRIDE;
  const map = native.mapMemory({ path, length: BigInt(at + MEMPORT_STRIDE), writable: true });
  try {
    const word = BigUint64Array.of(BigInt(status));
    map.write(BigInt(at + MEMPORT.STATUS), new Uint8Array(word.buffer));
  } finally {
    map.close();
  }
}

/** How registers of each kind are made; undefined: only a virtual machine has them (test/vm). */
const FACTORIES: Record<BackendKind, (() => Registers) | undefined> = {
  bar: machine('bar'),
  sysfs: machine('sysfs'),
  uio: machine('uio'),
  file() {
    const { config, registers, remove } = makeBrick();
    const open = (): RegisterBackend => openBackend(native, config, '/nonexistent', SILENT);
    const writeStatus = (port: number, status: number): void =>
      writeStatusAt(registers, port, status);
    return { open, writeStatus, remove };
  },
};

const kinds = BACKENDS.flatMap((kind) => {
  const make = FACTORIES[kind];
  return make === undefined ? [] : [{ kind, make }];
});

describe.each(kinds)('backend $kind', ({ kind, make }) => {
  let registers: Registers;
  let backend: RegisterBackend;
  beforeEach(() => {
    registers = make();
    backend = registers.open();
  });
  afterEach(() => {
    backend.close();
    registers.remove();
  });

  /** The granule `index` of the window, to the same place of the pool. */
  function granules(index: bigint, count = 1n): MemportFields {
    const { windowBase, granule } = backend.info;
    const remote = index * granule;
    const start = windowBase + remote;
    return { start, end: start + count * granule - 1n, remote, outId: 1n, inId: 7n };
  }
  const setPorts = (): number[] =>
    backend.memports().flatMap(({ set }, port) => (set ? [port] : []));

  test('refuses a memport and a transceiver that it does not have', () => {
    const input = expect.objectContaining({ code: 'SDM_INPUT' });
    const { nports, ntransceivers } = backend.info;
    expect(() => backend.activate(nports, granules(1n), DEADLINE_MS)).toThrow(input);
    expect(() => backend.clear(nports, DEADLINE_MS)).toThrow(input);
    expect(() => backend.resetLink(ntransceivers)).toThrow(input);
    expect(setPorts()).toEqual([]);
  });

  test('says what it is', () => {
    expect(backend.kind).toBe(kind);
    expect(backend.registers).not.toBe('');
    expect(backend.memports()).toHaveLength(backend.info.nports);
    expect(setPorts()).toEqual([]);
    const { info } = backend;
    expect(backend.pool?.size).toBe(info.passive ? info.windowSize : info.remoteSize);
    expect(backend.pool?.kind === 'remote').toBe(!info.passive);
  });

  test('activates a memport, shows what was written, and clears it', () => {
    const fields = granules(3n, 2n);
    expect(backend.activate(5, fields, DEADLINE_MS)).toBe(STATUS.ACTIVE);
    expect(backend.memports()[5]).toMatchObject({ ...fields, set: true, status: STATUS.ACTIVE });
    expect(setPorts()).toEqual([5]);
    expect(backend.clear(5, DEADLINE_MS)).toBe(STATUS.INACTIVE);
    expect(backend.clear(5, DEADLINE_MS)).toBe(STATUS.INACTIVE);
    expect(backend.memports()[5]).toMatchObject({ set: false, status: STATUS.INACTIVE });
  });

  test('hands on why a memport was refused, and the next one works', () => {
    const good = granules(1n);
    expect(backend.activate(0, good, DEADLINE_MS)).toBe(STATUS.ACTIVE);
    const { features, remoteSize, windowBase, windowSize, granule } = backend.info;
    const translates = hasFeature(features, 'translation');
    const past = windowBase + windowSize;
    const refused: [Partial<MemportFields>, number][] = [
      [{ end: good.start - 1n }, STATUS.RANGE],
      [{ end: good.end + 1n }, STATUS.ALIGNMENT],
      [{ start: past, end: past + granule - 1n }, STATUS.WINDOW],
      [{}, STATUS.OVERLAP],
      [{ ...granules(2n), remote: translates ? remoteSize : granules(3n).remote }, STATUS.REMOTE],
    ];
    for (const [change, status] of refused) {
      expect(backend.activate(1, { ...good, ...change }, DEADLINE_MS)).toBe(status);
      expect(backend.memports()[1]).toMatchObject({ status });
      expect(backend.clear(1, DEADLINE_MS)).toBe(STATUS.INACTIVE);
    }
    expect(backend.activate(1, granules(2n), DEADLINE_MS)).toBe(STATUS.ACTIVE);
  });

  // Whoever died between SET and STATUS of a passive block left the one without the other. Of logic
  // STATUS cannot be written.
  test('of a memport that is set, leaves all as it is but a STATUS that was left behind', () => {
    const fields = granules(3n);
    expect(backend.activate(4, fields, DEADLINE_MS)).toBe(STATUS.ACTIVE);
    backend.close();
    registers.writeStatus(4, STATUS.INACTIVE);
    backend = registers.open();
    const left = backend.info.passive ? STATUS.INACTIVE : STATUS.ACTIVE;
    expect(backend.memport(4)).toMatchObject({ ...fields, set: true, status: left });
    expect(backend.activate(4, granules(9n, 2n), DEADLINE_MS)).toBe(STATUS.ACTIVE);
    expect(backend.memport(4)).toMatchObject({ ...fields, set: true, status: STATUS.ACTIVE });
  });

  test('maps the same remote range at two local ones only where it translates', () => {
    const [first, second] = [granules(3n), granules(6n)];
    const translates = hasFeature(backend.info.features, 'translation');
    expect(backend.activate(1, first, DEADLINE_MS)).toBe(STATUS.ACTIVE);
    expect(backend.activate(2, { ...second, remote: first.remote }, DEADLINE_MS)).toBe(
      translates ? STATUS.ACTIVE : STATUS.REMOTE,
    );
    expect(setPorts()).toEqual(translates ? [1, 2] : [1]);
  });

  test('puts back the fields of a memport that is not set', () => {
    const before = backend.memport(7);
    expect(backend.activate(7, granules(5n), DEADLINE_MS)).toBe(STATUS.ACTIVE);
    expect(backend.clear(7, DEADLINE_MS)).toBe(STATUS.INACTIVE);
    backend.restore(7, before);
    expect(backend.memport(7)).toEqual(before);
  });

  test('shows a link for each transceiver, and lets them be reset', () => {
    const { ntransceivers } = backend.info;
    const { status, downs } = backend.links();
    expect(status).toBe(backend.linkStatus());
    expect(status).toBe((1n << BigInt(ntransceivers)) - 1n);
    expect(downs).toEqual(Array.from({ length: ntransceivers }, () => 0n));
    backend.resetLink(ntransceivers - 1);
  });

  test('is owned by one: another opening is refused until it is closed', () => {
    expect(() => registers.open()).toThrow(expect.objectContaining({ code: 'SDM_BLOCK_LOCKED' }));
    expect(backend.activate(2, granules(4n), DEADLINE_MS)).toBe(STATUS.ACTIVE);
    backend.close();
    backend.close();
    expect(() => backend.memports()).toThrow(expect.objectContaining({ code: 'SDM_CLOSED' }));
    backend = registers.open();
    expect(setPorts()).toEqual([2]);
  });

  test('in any order of commands, memports are what was last said of them', () => {
    // A granule of its own for each, after the pool's header: 64 MiB have room for 31.
    const command = fc.record({ port: fc.nat(30), set: fc.boolean() });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const wanted = new Set<number>();
        for (let port = 0; port < backend.info.nports; port++) backend.clear(port, DEADLINE_MS);
        for (const { port, set } of commands) {
          const status = set
            ? backend.activate(port, granules(BigInt(port) + 1n), DEADLINE_MS)
            : backend.clear(port, DEADLINE_MS);
          expect(status).toBe(set ? STATUS.ACTIVE : STATUS.INACTIVE);
          if (set) wanted.add(port);
          else wanted.delete(port);
        }
        expect(setPorts()).toEqual([...wanted].sort((a, b) => a - b));
      }),
      // under emulation a thousand times as slow
      HERE === undefined ? {} : { numRuns: 5 },
    );
  });
});

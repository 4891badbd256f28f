import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  MEMPORT_BASE,
  readSnapshot,
  REG,
  snapshotWords,
  STATUS,
  toBuffer,
} from '../../../src/abi/codec.js';
import { findSdmc, listSdmc, SdmcFiles, sdmcDirectory } from '../../../src/agent/backend/sdmc.js';
import { openSysfsBackend } from '../../../src/agent/backend/sysfs.js';
import type { Log } from '../../../src/agent/types.js';
import { native } from '../../../src/native/index.js';
import { EMPTY, formatted, memport } from '../../abi/examples.js';
import { makeTree, type Tree } from '../tree.js';

const REGISTERS = '0000:00:02.0';
const header = formatted('generic', 4n << 30n);
const image = toBuffer({
  header,
  memports: Array.from({ length: header.nports }, (_, n) =>
    n === 7 ? memport({ start: 0x200000n, end: 0x3fffffn, set: true, status: 1 }) : EMPTY,
  ),
});

let tree: Tree | undefined;
afterEach(() => tree?.remove());

/** What the driver shows of a device, as far as it is read only. */
function sysfs(block: Buffer = image, device = REGISTERS): string {
  tree ??= makeTree({});
  const directory = join(sdmcDirectory(tree.root), device);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'registers'), block);
  writeFileSync(join(directory, 'window_base'), '0x8000000000\n');
  return tree.root;
}
afterEach(() => (tree = undefined));

describe('findSdmc', () => {
  test('the only device, or the one that is named', () => {
    const root = sysfs();
    expect(findSdmc(root, 'auto')).toBe(REGISTERS);
    sysfs(image, 'a0000000.memport');
    expect(listSdmc(root)).toEqual([REGISTERS, 'a0000000.memport']);
    expect(findSdmc(root, REGISTERS)).toBe(REGISTERS);
  });

  test.each([
    ['no driver', [], 'auto', /not inserted.*modprobe sdmc/],
    ['several', ['a.b', REGISTERS], 'auto', /several.*0000:00:02\.0, a\.b.*registers\.device/],
    ['another', [REGISTERS], '0000:00:09.0', /not bound to 0000:00:09\.0, only to 0000:00:02\.0/],
  ] as const)('refused: %s', (_, devices, wanted, message) => {
    tree = makeTree({});
    for (const device of devices) sysfs(image, device);
    expect(() => findSdmc(tree!.root, wanted)).toThrow(
      expect.objectContaining({
        code: 'SDM_NO_REGISTERS',
        message: expect.stringMatching(message) as unknown,
      }),
    );
  });
});

describe('the driver’s files', () => {
  test('say what the block is, with the window where the driver found it', () => {
    const files = new SdmcFiles(sysfs(), REGISTERS);
    expect(files.info).toEqual({
      version: 1,
      features: header.features,
      nports: 32,
      windowBase: 0x80_0000_0000n,
      windowSize: 4n << 30n,
      remoteSize: 4n << 30n,
      granule: 2n << 20n,
      ntransceivers: 4,
      passive: true,
    });
    expect(files.windowOpen).toBe(true);
    expect(new SdmcFiles(tree!.root, REGISTERS, 0x90_0000_0000n).info.windowBase).toBe(
      0x90_0000_0000n,
    );
    files.close();
  });

  test('give what the codec reads', () => {
    const files = new SdmcFiles(sysfs(), REGISTERS);
    const words = new BigUint64Array(snapshotWords(32));
    files.snapshot(words);
    const { memports } = readSnapshot(words);
    expect(memports.flatMap(({ set }, port) => (set ? [port] : []))).toEqual([7]);
    expect(memports[7]).toMatchObject({ start: 0x200000n, end: 0x3fffffn, status: 1 });
    expect(files.read(REG.LINK_STATUS)).toBe(0b1111n);
    files.close();
    files.close();
    const closed = expect.objectContaining({ code: 'SDM_CLOSED' }) as Error;
    expect(() => files.snapshot(words)).toThrow(closed);
    expect(() => files.write('epoch', '0x1')).toThrow(closed);
  });

  test('that end before the block does are refused', () => {
    const short = image.subarray(0, MEMPORT_BASE + 31 * 0x40);
    expect(() => new SdmcFiles(sysfs(short), REGISTERS)).toThrow(
      expect.objectContaining({ code: 'SDM_BLOCK_SIZE' }),
    );
    expect(() => new SdmcFiles(sysfs(Buffer.alloc(0x10000, 1)), REGISTERS)).toThrow(/"SDMP"/);
  });

  test('are missed when the driver goes, also if it comes again', () => {
    const root = sysfs();
    const files = new SdmcFiles(root, REGISTERS);
    rmSync(sdmcDirectory(root), { recursive: true });
    sysfs();
    const gone = expect.objectContaining({
      code: 'SDM_NO_REGISTERS',
      message: expect.stringMatching(/not bound to 0000:00:02\.0 any more.*start the agent again/),
    }) as Error;
    expect(() => files.write('window_base', '0x0')).toThrow(gone);
    expect(() => files.readText('window_base')).toThrow(gone);
    files.close();
  });
});

describe('a memport of a passive block', () => {
  afterEach(() => vi.restoreAllMocks());

  test('is not set while the driver does not know the window', () => {
    const root = sysfs();
    writeFileSync(join(sdmcDirectory(root), REGISTERS, 'check_alignment'), '1\n');
    vi.spyOn(SdmcFiles.prototype, 'write').mockImplementation((file) => {
      if (!file.endsWith('/set')) return;
      throw Object.assign(new Error('write'), { errno: -constants.errno.EDESTADDRREQ });
    });
    const log = { warn: vi.fn() } as unknown as Log;
    const backend = openSysfsBackend(native, root, 'auto', undefined, log);
    const fields = { start: 0x80_0020_0000n, end: 0x80_003f_ffffn, remote: 0x20_0000n };
    expect(() => backend.activate(0, { ...fields, outId: 0n, inId: 0n }, 1000)).toThrow(
      expect.objectContaining({
        code: 'SDM_NO_POOL',
        message: expect.stringMatching(/0000:00:02\.0.*pool\.pci.*window_base/) as unknown,
      }),
    );
    backend.close();
  });

  // Whoever died between SET and STATUS left it so; test/vm tries it with the driver itself.
  test('that is set already is set again, for its STATUS', () => {
    const root = sysfs();
    writeFileSync(join(sdmcDirectory(root), REGISTERS, 'check_alignment'), '1\n');
    const written: string[] = [];
    vi.spyOn(SdmcFiles.prototype, 'write').mockImplementation((file) => {
      written.push(file);
      if (file.endsWith('/set')) return;
      throw Object.assign(new Error('write'), { errno: -constants.errno.EBUSY });
    });
    const log = { warn: vi.fn() } as unknown as Log;
    const backend = openSysfsBackend(native, root, 'auto', undefined, log);
    const fields = { start: 0n, end: 0x1f_ffffn, remote: 0n, outId: 0n, inId: 0n };
    const at = (port: number): string => `memport/memport${port}`;
    expect(backend.activate(7, fields, 1000)).toBe(STATUS.ACTIVE);
    // the logic is still at work on one that is not set
    expect(backend.activate(8, fields, 1000)).toBe(STATUS.BUSY);
    expect(written).toEqual([`${at(7)}/startAddress`, `${at(7)}/set`, `${at(8)}/startAddress`]);
    backend.close();
  });
});

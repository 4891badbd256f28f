import { afterEach, describe, expect, test, vi } from 'vitest';
import { lockDevice } from '../../../src/agent/backend/lock.js';
import { barPath } from '../../../src/agent/backend/pci.js';
import { native } from '../../../src/native/index.js';
import { makeTree, type Tree } from '../tree.js';

const REGISTERS = '0000:00:02.0';
const FILE = 'sdmc/devices/0000:00:02.0/registers';
const LOCKED = expect.objectContaining({
  code: 'SDM_BLOCK_LOCKED',
  message: expect.stringMatching(
    /registers of 0000:00:02\.0 are owned by another agent: .*process \d+/,
  ) as unknown,
}) as Error;

let tree: Tree;
afterEach(() => tree.remove());

describe('a device that is reached through a driver', () => {
  const log = { debug: vi.fn(), info() {}, warn() {}, error() {} };
  const lock = (): { close(): void } =>
    lockDevice(native, tree.root, REGISTERS, log, `${tree.root}/${FILE}`);

  test('is one agent’s, and free again afterwards', () => {
    tree = makeTree({ [FILE]: 'what the driver shows' });
    const first = lock();
    expect(lock).toThrow(LOCKED);
    first.close();
    lock().close();
  });

  test('is not taken from an agent that has its BAR', () => {
    const bar = `bus/pci/devices/${REGISTERS}/resource2`;
    tree = makeTree({ [FILE]: '', [bar]: 'registers' });
    const mapped = native.lockFile(barPath(tree.root, REGISTERS), { existing: true });
    expect(lock).toThrow(LOCKED);
    // nothing is held by who was refused
    native.lockFile(`${tree.root}/${FILE}`, { existing: true }).close();
    mapped.close();
    const taken = lock();
    expect(() => native.lockFile(`${tree.root}/${bar}`, { existing: true })).toThrow(/locked by/);
    taken.close();
  });

  test('whose BAR is not this user’s to open is locked without it, and that is logged', () => {
    const bar = `bus/pci/devices/${REGISTERS}/resource2`;
    tree = makeTree({ [FILE]: '', [bar]: 'registers' });
    const lockFile: typeof native.lockFile = (path, options) => {
      if (!path.endsWith('resource2')) return native.lockFile(path, options);
      throw Object.assign(new Error('open failed'), { code: 'SDM_SYSTEM', errnoName: 'EACCES' });
    };
    lockDevice({ lockFile }, tree.root, REGISTERS, log, `${tree.root}/${FILE}`).close();
    expect(log.debug).toHaveBeenCalledExactlyOnceWith(
      { err: expect.objectContaining({ errnoName: 'EACCES' }) as unknown },
      expect.stringMatching(/resource2 is not locked/),
    );
  });
});

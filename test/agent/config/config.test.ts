import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../../src/agent/config.js';

const minimal = { brick: 'b1', registers: { backend: 'bar' } };
const file = { brick: 'b1', registers: { backend: 'file', path: '/r' } };

describe('parseConfig', () => {
  it.each<[unknown, string, string]>([
    [null, '', 'of type object'],
    [[], '', 'of type object'],
    [{}, 'brick', 'a value'],
    [{ ...minimal, brick: 7 }, 'brick', 'letters'],
    [{ ...minimal, brick: '' }, 'brick', 'letters'],
    [{ ...minimal, brik: 1 }, 'brik', 'one of the keys brick, registers'],
    [{ brick: 'b' }, 'registers', 'a value'],
    [{ brick: 'b', registers: { backend: 'usb' } }, 'registers.backend', '"bar" or "file"'],
    [{ brick: 'b', registers: { backend: 'bar', pci: '2.0' } }, 'registers.pci', 'PCI address'],
    [{ brick: 'b', registers: { backend: 'bar', path: '/r' } }, 'registers.path', 'no such key'],
    [{ brick: 'b', registers: { backend: 'file' } }, 'registers.path', 'register file'],
    [{ brick: 'b', registers: { backend: 'file', path: 'r' } }, 'registers.path', 'absolute'],
    [{ brick: 'b', registers: { ...file.registers, pci: 'auto' } }, 'registers.pci', 'no such key'],
    [{ ...minimal, pool: {} }, 'pool', 'exactly one'],
    [{ ...minimal, pool: { pci: 'auto', path: '/p' } }, 'pool', 'exactly one'],
    [{ ...minimal, pool: { path: '/p' } }, 'pool', '"pci"'],
    [{ ...file, pool: { pci: 'auto' } }, 'pool', '"path"'],
    [{ ...minimal, shares: [{ start: 0, size: '0x1' }] }, 'shares[0].start', '0x'],
    [{ ...minimal, shares: [{ start: '0', size: '0x1' }] }, 'shares[0].start', '0x'],
    [{ ...minimal, shares: [{ start: '0x0' }] }, 'shares[0].size', 'a value'],
    [{ ...minimal, shares: [{ start: '0x0', size: '0x0' }] }, 'shares[0].size', 'more than 0'],
    [
      { ...minimal, shares: [{ start: '0xffffffffffffffff', size: '0x2' }] },
      'shares[0]',
      'within 64 bits',
    ],
    [
      {
        ...minimal,
        shares: [
          { start: '0x0', size: '0x2000' },
          { start: '0x1000', size: '0x1000' },
        ],
      },
      'shares[1]',
      'not overlap shares[0]',
    ],
    [{ ...minimal, socket: 'agent.sock' }, 'socket', 'absolute'],
    [{ ...minimal, socket: `/${'x'.repeat(107)}` }, 'socket', '107'],
    [{ ...minimal, node: -1 }, 'node', '>= 0'],
    [{ ...minimal, node: 1.5 }, 'node', 'integer'],
    [{ ...minimal, offlineTimeoutMs: '60' }, 'offlineTimeoutMs', 'integer'],
    [{ ...minimal, log: 'loud' }, 'log', '"info"'],
  ])('refuses %j, naming file, key, expected and found', (value, key, expected) => {
    let error: { code?: string; message?: string; details?: Record<string, unknown> } = {};
    try {
      parseConfig(value, '/etc/x.json');
    } catch (caught) {
      error = caught as typeof error;
    }
    expect(error.code).toBe('SDM_CONFIG');
    expect(error.message).toContain('/etc/x.json');
    expect(error.message).toContain(key);
    expect(error.message).toContain(expected);
    expect(error.message).toContain('found ');
    expect(error.details).toMatchObject({ file: '/etc/x.json', key });
  });

  it('fills in defaults', () => {
    expect(parseConfig(minimal, 'x')).toEqual({
      brick: 'b1',
      registers: { backend: 'bar', pci: 'auto' },
      shares: [],
      socket: '/run/sdm/agent.sock',
      socketGroup: null,
      node: 1,
      offlineTimeoutMs: 60_000,
      log: 'info',
    });
  });

  it('turns addresses and sizes into numbers', () => {
    const config = parseConfig(
      {
        ...file,
        pool: { path: '/p' },
        shares: [{ start: '0x8000000', size: '0xFFFFFFFFF0000000', shared: true }],
      },
      'x',
    );
    expect(config.shares).toEqual([{ start: 0x8000000n, size: 0xfffffffff0000000n, shared: true }]);
    expect(config.pool).toEqual({ path: '/p' });
  });
});

describe('loadConfig', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'sdm-config-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it('names a file that is missing, and the way out', async () => {
    await expect(loadConfig(join(dir, 'none.json'))).rejects.toMatchObject({
      code: 'SDM_CONFIG',
      message: expect.stringMatching(/none\.json \(ENOENT\).*--config/),
    });
  });

  it('names a file that is not JSON', async () => {
    const path = join(dir, 'bad.json');
    writeFileSync(path, '{ brick: 1 }');
    await expect(loadConfig(path)).rejects.toMatchObject({
      code: 'SDM_CONFIG',
      message: expect.stringContaining('bad.json is not JSON'),
    });
  });

  it('puts what a command line says in place of what the file says', async () => {
    const path = join(dir, 'good.json');
    writeFileSync(path, JSON.stringify({ ...minimal, socket: '/a', log: 'warn' }));
    const config = await loadConfig(path, { socket: '/b' });
    expect(config).toMatchObject({ socket: '/b', log: 'warn', brick: 'b1' });
  });
});

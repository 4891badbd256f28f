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
    [{ ...minimal, brik: 1 }, 'brik', '(is "brick" meant?)'],
    [{ ...minimal, sharse: [] }, 'sharse', '(is "shares" meant?)'],
    [{ ...minimal, checks: { allignment: false } }, 'checks.allignment', '"alignment" meant'],
    [{ brick: 'b' }, 'registers', 'a value'],
    [
      { brick: 'b', registers: { backend: 'usb' } },
      'registers.backend',
      '"auto" or "bar" or "sysfs" or "uio" or "file"',
    ],
    [{ brick: 'b', registers: { backend: 'bar', pci: '2.0' } }, 'registers.pci', 'PCI address'],
    [{ brick: 'b', registers: { backend: 'bar', path: '/r' } }, 'registers.path', 'no such key'],
    [{ brick: 'b', registers: { backend: 'auto', path: '/r' } }, 'registers.path', 'no such key'],
    [{ brick: 'b', registers: { backend: 'sysfs', uio: 'uio0' } }, 'registers.uio', 'no such key'],
    [{ brick: 'b', registers: { backend: 'uio', pci: 'auto' } }, 'registers.pci', 'no such key'],
    [{ brick: 'b', registers: { backend: 'uio', uio: '/dev/uio0' } }, 'registers.uio', '"uio0"'],
    [
      { brick: 'b', registers: { backend: 'bar', device: 'a.b' } },
      'registers.device',
      'no such key',
    ],
    [
      { ...file, registers: { ...file.registers, device: 'a.b' } },
      'registers.device',
      'no such key',
    ],
    [
      { brick: 'b', registers: { backend: 'auto', device: 'a.b', pci: 'auto' } },
      'registers.device',
      'beside "pci"',
    ],
    [
      { brick: 'b', registers: { backend: 'uio', device: 'a.b', uio: 'uio0' } },
      'registers.device',
      'beside "uio"',
    ],
    [
      { brick: 'b', registers: { backend: 'sysfs', device: '../a' } },
      'registers.device',
      'a0000000.memport',
    ],
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
    [{ ...minimal, node: -1 }, 'node', 'a whole number from 0 to 1023'],
    [{ ...minimal, node: 1.5 }, 'node', 'integer'],
    [{ ...minimal, offlineTimeoutMs: '60' }, 'offlineTimeoutMs', 'integer'],
    [{ ...minimal, linkPollMs: 9 }, 'linkPollMs', 'a whole number from 10 to 60000'],
    [{ ...minimal, linkPollMs: 60_001 }, 'linkPollMs', 'a whole number from 10 to 60000'],
    [{ ...minimal, stateDir: 'state' }, 'stateDir', 'absolute'],
    [{ ...minimal, addresses: '10.0.0.1' }, 'addresses', 'array'],
    [{ ...minimal, addresses: ['10.0.0.1', 'brick1'] }, 'addresses[1]', 'an IP address'],
    [{ ...minimal, addresses: ['10.0.0.1/24'] }, 'addresses[0]', 'an IP address'],
    [{ ...minimal, checks: { alignment: 'off' } }, 'checks.alignment', 'boolean'],
    [{ ...minimal, memory: { way: 'dax' } }, 'memory.way', '"kmem"'],
    [{ ...minimal, memory: { memmapOnMemory: 1 } }, 'memory.memmapOnMemory', 'boolean'],
    [{ ...file, memory: { way: 'kmem' } }, 'memory', 'no such key with backend "file"'],
    [{ ...minimal, $schema: 1 }, '$schema', 'string'],
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
    expect(parseConfig(minimal, 'x', {})).toEqual({
      brick: 'b1',
      registers: { backend: 'bar', pci: 'auto' },
      shares: [],
      socket: '/run/sdm/agent.sock',
      socketGroup: null,
      node: 1,
      memory: { way: 'module', memmapOnMemory: false },
      offlineTimeoutMs: 60_000,
      linkPollMs: 100,
      stateDir: '/var/lib/sdm-agent',
      addresses: undefined,
      checks: { alignment: true, remoteOverlap: true },
      log: 'info',
    });
  });

  it('takes what the file says of links, state, addresses and checks', () => {
    const given = {
      linkPollMs: 10,
      stateDir: '/s',
      addresses: ['10.0.0.1', 'fe80::1', '::ffff:10.0.0.1'],
    };
    const config = parseConfig({ ...minimal, ...given, checks: { alignment: false } }, 'x', {
      STATE_DIRECTORY: '/not/this',
    });
    expect(config).toMatchObject({ ...given, checks: { alignment: false, remoteOverlap: true } });
  });

  it('takes each key of memory by itself', () => {
    const memory = (given: object) => parseConfig({ ...minimal, memory: given }, 'x', {}).memory;
    expect(memory({ way: 'kmem' })).toEqual({ way: 'kmem', memmapOnMemory: false });
    expect(memory({ memmapOnMemory: true })).toEqual({ way: 'module', memmapOnMemory: true });
  });

  it.each([
    [undefined, '/var/lib/sdm-agent'],
    ['', '/var/lib/sdm-agent'],
    ['/var/lib/a', '/var/lib/a'],
    ['/var/lib/a:/var/lib/b', '/var/lib/a'],
  ])('with $STATE_DIRECTORY %j keeps state in %s', (value, expected) => {
    expect(parseConfig(minimal, 'x', { STATE_DIRECTORY: value }).stateDir).toBe(expected);
  });

  it('refuses a $STATE_DIRECTORY that is relative', () => {
    expect(() => parseConfig(minimal, 'x', { STATE_DIRECTORY: 'state' })).toThrow(
      /STATE_DIRECTORY: expected an absolute path, found "state"/,
    );
  });

  it('names the first of several faults, and carries all of them', () => {
    const wrong = {
      brick: 'b',
      registers: { backend: 'file' },
      shares: [{ start: 0, size: '0x0' }],
      addresses: ['x', '10.0.0.1', 'y'],
      nodes: 1,
    };
    let error: { message?: string; details?: { faults?: { key: string }[] } } = {};
    try {
      parseConfig(wrong, '/etc/x.json');
    } catch (caught) {
      error = caught as typeof error;
    }
    const keys = error.details?.faults?.map(({ key }) => key);
    expect(keys).toHaveLength(5);
    expect(new Set(keys)).toEqual(
      new Set(['nodes', 'shares[0].start', 'registers.path', 'addresses[0]', 'addresses[2]']),
    );
    expect(error.message).toContain('and 4 more: `sdm-agent config check /etc/x.json`');
  });

  it('takes a device by its name, by each way that leads to one', () => {
    const device = 'a0000000.memport';
    const registers = (backend: string): unknown =>
      parseConfig({ brick: 'b', registers: { backend, device } }, 'x').registers;
    expect(registers('auto')).toEqual({ backend: 'auto', pci: 'auto', device });
    expect(registers('sysfs')).toEqual({ backend: 'sysfs', pci: 'auto', device });
    expect(registers('uio')).toEqual({ backend: 'uio', uio: device });
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
      message: expect.stringMatching(/bad\.json is not JSON: .*line 1 column 3/),
    });
  });

  it('puts what a command line says in place of what the file says', async () => {
    const path = join(dir, 'good.json');
    writeFileSync(path, JSON.stringify({ ...minimal, socket: '/a', log: 'warn' }));
    const config = await loadConfig(path, { socket: '/b' });
    expect(config).toMatchObject({ socket: '/b', log: 'warn', brick: 'b1' });
  });
});

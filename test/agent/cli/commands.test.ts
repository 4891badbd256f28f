import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fromBuffer } from '../../../src/abi/codec.js';
import { makeBrick, sdmAgent, type Brick, type RunningAgent } from '../../support/agent.js';

// Processes take their time on a busy machine; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

let brick: Brick;
let agent: RunningAgent;
beforeAll(async () => {
  brick = await makeBrick();
  agent = await brick.start();
});
afterAll(() => brick.remove());

const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await brick.run(...args, '--json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
};

describe('refusals', () => {
  it('end with 1, one line and, with --json, the error as an object', async () => {
    const { code, stdout, stderr } = await brick.run('detach', 'none', '--json');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sdm-agent: SDM_NOT_FOUND: .*none.*\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'SDM_NOT_FOUND' });
  });

  it('say why system-ram is not possible with a file', async () => {
    const { code, stderr } = await brick.run('attach', '--size', '256M');
    expect(code).toBe(1);
    expect(stderr).toContain('SDM_MODE');
  });
});

describe('attach, list, detach', () => {
  it('goes round', async () => {
    const attached = await json(
      ...['attach', '--mode', 'device', '--size', '4M', '--id', 'a1', '--remote', '0x400000'],
    );
    expect(attached).toMatchObject({
      id: 'a1',
      mode: 'device',
      state: 'present',
      size: '0x400000',
      remote: '0x400000',
      device: { path: brick.pool, offset: '0x400000', size: '0x400000' },
    });
    expect(await json('list')).toEqual([attached]);
    expect(await json('list', 'a1')).toEqual(attached);
    const memports = await json('memport', 'list');
    expect(memports).toHaveLength(32);
    expect(memports[attached.memport]).toMatchObject({ set: true, attachment: 'a1' });
    expect(brick.setMemports()).toMatchObject([{ remote: 0x400000n }]);
    expect(await json('memory')).toMatchObject({ attachedBytes: '0x400000' });
    expect(await json('detach', 'a1')).toMatchObject({ id: 'a1', state: 'free' });
    expect(await json('list')).toEqual([]);
    expect(brick.setMemports()).toEqual([]);
  });

  it('says the same in tables', async () => {
    const attach = await brick.run('attach', '--mode', 'device', '--size', '0x200000', '--id', 'b');
    expect(attach.stdout).toMatch(/^attached b: 2 MiB device, memport 0/);
    expect((await brick.run('list')).stdout).toMatch(/^ID .*\nb +device +present +2 MiB/);
    expect((await brick.run('memport', 'list')).stdout).toMatch(/^N .*\n0 +yes +active .* b\n$/);
    expect((await brick.run('memory')).stdout).toMatch(/attached +2 MiB/);
    expect((await brick.run('detach', 'b')).stdout).toMatch(
      /^detached b: 2 MiB given back\nabsent .* free [0-9.]+ ms\n$/,
    );
    expect(agent.log()).toMatch(/"id":"b","start":"0x[0-9a-f]+","size":"0x200000"/);
    expect((await brick.run('list')).stdout).toBe('nothing is attached\n');
  });

  it('scrubs unless told to retain', async () => {
    const fill = Buffer.alloc(0x1000, 0xab);
    for (const retain of [true, false]) {
      const at = 0x600000;
      const id = retain ? 'kept' : 'wiped';
      const flag = retain ? ['--retain'] : [];
      await json(
        'attach',
        '--mode',
        'device',
        '--size',
        '2M',
        '--remote',
        '0x600000',
        '--id',
        id,
        ...flag,
      );
      writeAt(brick.pool, at, fill);
      await json('detach', id);
      expect(readAt(brick.pool, at, fill.length).equals(fill)).toBe(retain);
    }
  });
});

describe('memports by hand', () => {
  it('are set and cleared', async () => {
    const set = await json(
      ...['memport', 'set', '7', '--start', '0x800000', '--size', '2M', '--remote', '0x800000'],
    );
    expect(set).toMatchObject({ port: 7, set: true, owner: 'manual', end: '0x9fffff' });
    expect(brick.setMemports()).toMatchObject([{ start: 0x800000n }]);
    expect(await json('memport', 'clear', '7')).toMatchObject({ port: 7, set: false });
    expect(brick.setMemports()).toEqual([]);
  });

  it('are refused by the device with its reason', async () => {
    const { code, stderr } = await brick.run(
      ...['memport', 'set', '7', '--start', '0x800001', '--size', '2M', '--remote', '0x800001'],
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/granule|align/);
  });
});

describe('transceivers', () => {
  it('are listed and reset', async () => {
    expect(await json('transceiver', 'list')).toHaveLength(4);
    expect(await json('transceiver', 'reset', '2')).toMatchObject({ transceiver: 2 });
    expect((await brick.run('transceiver', 'reset', '9')).code).toBe(1);
  });
});

describe('probe', () => {
  it('asks the agent', async () => {
    expect(await json('probe')).toMatchObject({
      brick: 'test',
      source: 'agent',
      verdict: 'usable',
      registers: { backend: 'file', at: brick.registers },
    });
  });

  it('looks itself while an agent holds the lock', async () => {
    await json('attach', '--mode', 'device', '--size', '2M', '--id', 'seen');
    const direct = await json('probe', '--config', brick.config);
    expect(direct).toMatchObject({ source: 'direct', verdict: 'usable' });
    expect(direct.registers.set).toHaveLength(1);
    await json('detach', 'seen');
  });

  it('has an exit code for a machine that is no brick', async () => {
    const empty = join(brick.dir, 'empty');
    const { code, stdout } = await brick.run('probe', '--sysroot', empty, '--json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'not' });
  });

  it('prints sentences for people', async () => {
    const { code, stdout } = await brick.run('probe');
    expect(code).toBe(0);
    expect(stdout).toContain('of which 0 set');
    expect(stdout).toContain('WARNING: There is no translation');
  });
});

describe('registers format', () => {
  it.each([
    [0, '0 bytes', '4194304'],
    [2 << 20, '2097152 bytes', '4194304'],
    [(4 << 20) + 4096, '4198400 bytes', '6291456'],
  ])('refuses a pool of %d bytes', async (size, found, better) => {
    const [path, pool] = [join(brick.dir, 'unmade'), join(brick.dir, 'odd-pool')];
    writeFileSync(pool, '');
    truncateSync(pool, size);
    const { code, stdout, stderr } = await sdmAgent([
      ...['registers', 'format', path, '--pool', pool],
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(
      `sdm-agent: SDM_INPUT: the pool ${pool} has ${found}; expected a mult`,
    );
    expect(stderr).toContain(`truncate --size ${better} ${pool}`);
    expect(existsSync(path)).toBe(false);
  });

  it('refuses a block that an agent holds', async () => {
    const { code, stderr } = await brick.run(
      ...['registers', 'format', brick.registers, '--pool', brick.pool, '--force'],
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/SDM_[A-Z_]*LOCK|SDM_[A-Z_]*BUSY|held|lock/i);
    expect(agent.process.exitCode).toBeNull();
  });

  it('refuses a valid block but with --force', async () => {
    const path = join(brick.dir, 'other');
    const args = ['registers', 'format', path, '--profile', 'zynq'];
    expect((await sdmAgent(args)).code).toBe(0);
    expect((await sdmAgent(args)).code).toBe(1);
    expect((await sdmAgent([...args, '--force', '--ports', '8'])).code).toBe(0);
    expect(fromBuffer(readFileSync(path)).header).toMatchObject({
      nports: 8,
      windowBase: 0x400000000n,
      granule: 256n << 20n,
    });
  });

  it('refuses a UIO device as the agent does', async () => {
    const { code, stderr } = await sdmAgent([
      ...['registers', 'format', '--uio', 'uio99', '--profile', 'zynq'],
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sdm-agent: SDM_NO_REGISTERS: .*uio99 cannot be .*UIO devices: /);
  });

  it('refuses a file that is too short, and leaves it as it was', async () => {
    const path = join(brick.dir, 'short');
    writeFileSync(path, 'x');
    truncateSync(path, 1);
    const { code } = await sdmAgent(['registers', 'format', path, '--profile', 'zynq']);
    expect(code).toBe(1);
    expect(readFileSync(path, 'utf8')).toBe('x');
  });

  it('does not leave a file behind that it could not format', async () => {
    const path = join(brick.dir, 'unformatted');
    const { code, stderr } = await sdmAgent(['registers', 'format', path]);
    expect(code).toBe(1);
    expect(stderr).toContain('--pool');
    expect(existsSync(path)).toBe(false);
  });
});

function writeAt(path: string, at: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

function readAt(path: string, at: number, length: number): Buffer {
  const fd = openSync(path, 'r');
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, at);
  closeSync(fd);
  return bytes;
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sdmAgent } from '../../support/agent.js';

// Processes take their time on a busy machine; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('wrong usage ends with 2 and one line', () => {
  it.each([
    [['nonsense'], 'nonsense'],
    [['list', '--nonsense'], '--nonsense'],
    [['attach'], '--size'],
    [['attach', '--sise', '64M'], `unknown option '--sise' (is "--size" meant?)`],
    [['attach', '--size', '1G', '--nod=2'], `unknown option '--nod' (is "--node" meant?)`],
    [['memport', 'set', '1', '--stort', '0x0'], `unknown option '--stort' (is "--start" meant?)`],
    [['attach', '--size', '1.5G'], '256MiB'],
    [['attach', '--size', '1G', '--mode', 'vm'], 'system-ram, device'],
    [['attach', '--size', '1G', '--remote', '4096'], '0x'],
    [['attach', '--size', '1G', '--node', '-1'], 'from 0 to 1023'],
    [['attach', '--size', '1G', '--out-id', 'x'], 'out-id'],
    [['attach', '--size', '1G', '--timeout', '0'], 'from 1'],
    [['attach', '--size', '1G', '--id', 'a b'], '--id'],
    [['detach', 'a/b'], 'letters'],
    [['detach'], 'id'],
    [['memport', 'set', '1', '--start', '0x0', '--size', '1G'], '--remote'],
    [['memport', 'clear', '512'], 'from 0 to 511'],
    [['memport', 'flip'], 'flip'],
    [['transceiver', 'reset', '16'], 'from 0 to 15'],
    [['registers', 'format'], '--pci'],
    [['registers', 'format', 'f', '--pci', '0000:00:02.0'], 'either'],
    [['serve', '--log', 'loud'], 'info'],
    [['config', 'nonsense'], 'nonsense'],
  ])('%j', async (args, text) => {
    const { code, stdout, stderr } = await sdmAgent(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^sdm-agent: SDM_USAGE: .*\n$/);
    expect(stderr).toContain(text);
  });

  it('no command at all: the help', async () => {
    const { code, stderr } = await sdmAgent([]);
    expect(code).toBe(2);
    expect(stderr).toContain('Usage:');
  });

  it.each([
    [['list', '--nonsense', '--json'], '--nonsense'],
    [['attach', '--json'], '--size'],
    [['memport', '--json'], ''],
  ])('with --json an object on stdout as well: %j', async (args, text) => {
    const { code, stdout } = await sdmAgent(args);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      code: 'SDM_USAGE',
      message: expect.stringContaining(text),
    });
  });

  it('asking for help is no error', async () => {
    const { code, stdout } = await sdmAgent(['attach', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('--retain');
  });
});

describe('no agent ends with 3', () => {
  it.each([
    [['list']],
    [['memory']],
    [['memport', 'list']],
    [['transceiver', 'list']],
    [['attach', '--size', '1G']],
    [['detach', 'x']],
  ])('%j', async (args) => {
    const { code, stdout, stderr } = await sdmAgent([...args, '--socket', join(dir, 'none')]);
    expect(code).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^sdm-agent: SDM_UNREACHABLE: .*no such socket.*\n$/);
  });

  it('takes the socket from the environment; the option goes before it', async () => {
    const env = { SDM_AGENT_SOCKET: join(dir, 'env') };
    expect((await sdmAgent(['list'], env)).stderr).toContain(join(dir, 'env'));
    const other = await sdmAgent(['list', '--socket', join(dir, 'option')], env);
    expect(other.stderr).toContain(join(dir, 'option'));
  });

  it('gives programs the error as JSON', async () => {
    const { stdout } = await sdmAgent(['list', '--json', '--socket', join(dir, 'none')]);
    expect(JSON.parse(stdout)).toMatchObject({
      code: 'SDM_UNREACHABLE',
      details: { errno: 'ENOENT' },
    });
  });
});

describe('serve refuses with 1', () => {
  it('without a configuration', async () => {
    const { code, stderr } = await sdmAgent(['serve', '--config', join(dir, 'none.json')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/SDM_CONFIG: .*none\.json/);
  });

  it('with registers that are not there', async () => {
    const config = join(dir, 'agent.json');
    writeFileSync(
      config,
      JSON.stringify({
        brick: 'x',
        registers: { backend: 'file', path: join(dir, 'none') },
        socket: join(dir, 's'),
      }),
    );
    const { code, stderr } = await sdmAgent(['serve', '--config', config]);
    expect(code).toBe(1);
    expect(stderr).toContain(join(dir, 'none'));
  });
});

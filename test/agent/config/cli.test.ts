import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { editorSchema } from '../../../src/agent/config-schema.js';
import { sdmAgent } from '../../support/agent.js';

// Processes take their time on a busy machine; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-config-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const write = (name: string, value: unknown): string => {
  const path = join(dir, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
};
const wrong = { brick: 'b', registers: { backend: 'bar' }, nodes: 1, addresses: ['x'] };

describe('sdm-agent config check', () => {
  it('names every fault, a line each, and ends with 1', async () => {
    const path = write('wrong.json', wrong);
    const { code, stdout, stderr } = await sdmAgent(['config', 'check', path]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(`^sdm-agent: SDM_CONFIG: ${path}: nodes: .*"node" meant.*found 1$`),
      expect.stringMatching(
        `^sdm-agent: SDM_CONFIG: ${path}: addresses\\[0\\]: expected an IP address, found "x"$`,
      ),
    ]);
  });

  it('names a slip before the key that is missing for it', async () => {
    const path = write('slip.json', { brik: 'b', register: { backend: 'bar' } });
    const { stderr } = await sdmAgent(['config', 'check', path]);
    expect(stderr.match(/: (\w+): expected/g)).toEqual(
      ['brik', 'register', 'brick', 'registers'].map((key) => `: ${key}: expected`),
    );
  });

  it('names a role that there is not, in the place of keys that are right with another', async () => {
    const path = write('role.json', { role: 'memry', brick: 'b', base: '0x0', size: '0x10000000' });
    const { code, stderr } = await sdmAgent(['config', 'check', path]);
    expect([code, stderr.trim()]).toEqual([
      1,
      expect.stringMatching(
        /^.*: role: expected "memory" for a brick that lends, .* found "memry"$/,
      ),
    ]);
  });

  it('says the same for programs', async () => {
    const path = write('wrong.json', wrong);
    const { code, stdout, stderr } = await sdmAgent(['config', 'check', path, '--json']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      file: path,
      valid: false,
      faults: [
        { key: 'nodes', found: 1 },
        { key: 'addresses[0]', expected: 'an IP address', found: 'x' },
      ],
    });
  });

  it.each([
    ['is missing', 'none.json', undefined, 'cannot read the configuration'],
    ['is missing, and how to name another', 'no.json', undefined, 'one after `config check`'],
    ['has a key twice', 'twice.json', '{\n  "brick": "b", "brick": "c"\n}', 'line 2 column 17'],
    ['is no JSON', 'half.json', '{\n  "brick": b\n}', 'is not JSON'],
  ])('refuses a file that %s', async (_what, name, text, message) => {
    const path = text === undefined ? join(dir, name) : write(name, text);
    const { code, stderr } = await sdmAgent(['config', 'check', path]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sdm-agent: SDM_CONFIG: .*\n$/);
    expect(stderr).toContain(message);
  });

  it('is content with a file that is right, and with one that names its schema', async () => {
    const path = write('right.json', {
      $schema: './agent.schema.json',
      brick: 'b',
      registers: { backend: 'bar' },
    });
    expect(await sdmAgent(['config', 'check', path])).toEqual({
      code: 0,
      stdout: `${path} is valid\n`,
      stderr: '',
    });
    const { code, stdout } = await sdmAgent(['config', 'check', path, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ file: path, valid: true, faults: [] });
  });
});

describe('sdm-agent serve', () => {
  it('names the first fault, and the way to all of them', async () => {
    const path = write('wrong.json', wrong);
    const { code, stderr } = await sdmAgent(['serve', '--config', path]);
    expect(code).toBe(1);
    expect(stderr).toContain(`(and 1 more: \`sdm-agent config check ${path}\` lists them)`);
  });
});

describe('sdm-agent config schema', () => {
  it('prints the schema for editors', async () => {
    const { code, stdout } = await sdmAgent(['config', 'schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(editorSchema());
  });
});

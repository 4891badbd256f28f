import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeBrick, type Brick } from '../../support/agent.js';

// Processes take their time on a busy machine; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

let brick: Brick;
let state: string;
beforeEach(async () => {
  brick = await makeBrick();
  state = join(brick.dir, 'state');
});
afterEach(() => brick.remove());

const show = (...more: string[]) => brick.run('journal', 'show', '--state-dir', state, ...more);

describe('sdm-agent journal show', () => {
  it('says where there is no journal, or none that can be read', async () => {
    expect(await show()).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^sdm-agent: SDM_NOT_FOUND: .*state.*--state-dir.*\n$/),
    });
    mkdirSync(join(state, 'journal'), { recursive: true });
    expect(await show('--json')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('"SDM_JOURNAL"'),
      stderr: expect.stringMatching(/SDM_JOURNAL: .*is a directory/),
    });
  });

  it('prints entries and what they add up to, while an agent runs', async () => {
    await brick.start();
    await brick.run('attach', '--mode', 'device', '--size', '4M', '--id', 'db');
    await brick.run('attach', '--mode', 'device', '--size', '2M', '--id', 'gone');
    await brick.run('detach', 'gone');
    await brick.run('memport', 'set', '7', ...['--start', '0x1000000', '--size', '2M']);

    const { code, stdout, stderr } = await show();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^.*state\/journal: \d+ entries, \d+ bytes\n\nLINE +SEQ +ENTRY +OF +WHAT/,
    );
    expect(stdout).toMatch(
      / 2 +1 +begin +test +file .*registers, pool file .*pool, boot [0-9a-f-]{36}\n/,
    );
    expect(stdout).toMatch(/ attach +db +\w+: device, 4 MiB at 0x[0-9a-f]+, pool 0x/);
    expect(stdout).toMatch(/ forget +gone +nothing is left of it\n/);
    expect(stdout).toMatch(/\n {2}attachments +1\n/);
    expect(stdout).toMatch(/\n {2}db +rests +present: device/);

    const json = JSON.parse((await show('--json')).stdout) as {
      entries: { entry: { kind: string } }[];
      state: { attachments: object[] };
    };
    expect(json).toMatchObject({ file: join(state, 'journal'), format: 1, damage: null });
    expect(json.entries.map(({ entry }) => entry.kind)).toContain('detach');
    expect(json.state.attachments).toEqual([
      expect.objectContaining({ id: 'db', state: 'present', doing: null, at: null }),
    ]);
  });

  it('finds the state directory in the configuration of the agent', async () => {
    await brick.start();
    const shown = await brick.run('journal', 'show', '--config', brick.config, '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({ file: join(state, 'journal') });
    const none = await brick.run('journal', 'show', '--config', join(brick.dir, 'none.json'));
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('SDM_CONFIG') });
  });

  it('shows a corrupt journal as far as it goes, changes nothing, and ends with 1', async () => {
    const agent = await brick.start();
    for (const id of ['a', 'b', 'c']) {
      await brick.run('attach', '--mode', 'device', '--size', '2M', '--id', id);
    }
    await agent.stop();
    const path = join(state, 'journal');
    const lines = readFileSync(path, 'utf8').split('\n');
    const at = lines.findIndex((line) => line.includes('"b"'));
    lines[at] = lines[at]!.replace('"b"', '"B"');
    const damaged = lines.join('\n');
    writeFileSync(path, damaged);

    const { code, stdout } = await show();
    expect(code).toBe(1);
    expect(stdout).toMatch(/\n {2}a +rests +present/);
    expect(stdout).toMatch(
      new RegExp(`Line ${at + 1} \\(byte \\d+\\) has a checksum that does not match.*journal.md`),
    );
    const json = await show('--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ damage: { kind: 'lost', line: at + 1 } });
    expect(readFileSync(path, 'utf8')).toBe(damaged);
    await expect(brick.start()).rejects.toThrow('SDM_JOURNAL_CORRUPT');
    expect(brick.setMemports()).toHaveLength(3);
  });

  it('shows a tail that was never finished, and ends with 0', async () => {
    const agent = await brick.start();
    await agent.stop();
    const path = join(state, 'journal');
    writeFileSync(path, `${readFileSync(path, 'utf8')}12345678 9`);
    const { code, stdout } = await show();
    expect(code).toBe(0);
    expect(stdout).toMatch(/has no end\. The last 10 bytes were never finished/);
    await brick.start();
  });
});

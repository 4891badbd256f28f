import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DOCUMENT_EXAMPLE, DOCUMENT_REMOVE } from '../../abi/d44/example.js';
import { makeBrick, type Brick } from '../../support/agent.js';
import { finished, startProgram, type CliResult } from '../../support/cli.js';

// Processes take their time on a busy machine; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const BIN = resolve(import.meta.dirname, '../../../bin/sdm-agent');

let brick: Brick;
beforeAll(async () => {
  brick = await makeBrick({
    poolSize: 64n << 30n,
    format: ['--profile', 'zynq', '--window-size', '4G'],
    config: {
      shares: [{ start: '0x10000000', size: '0xff0000000' }],
      checks: { alignment: false, remoteOverlap: false },
    },
  });
});
afterAll(() => brick.remove());

/** `sdm-agent program` with a text on standard input. */
function program(input: string, ...args: string[]): Promise<CliResult> {
  const child = startProgram(BIN, ['program', ...args], { SDM_AGENT_SOCKET: brick.socket });
  return finished(child, input);
}

describe('what cannot be done', () => {
  it.each([
    ['no file', [], 2, /^sdm-agent: SDM_USAGE: .*'file'/],
    [
      'a file that is not there',
      ['/nonexistent/command'],
      1,
      /SDM_INPUT: \/nonexistent\/command cannot be read/,
    ],
    ['a granule of nothing', ['-', '--dry-run', '--granule', '0'], 2, /SDM_USAGE: --granule/],
    ['nobody to ask', ['-'], 3, /SDM_UNREACHABLE/],
  ])('%s', async (_, args, code, message) => {
    const result = await program(DOCUMENT_EXAMPLE, ...args);
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
  });

  it.each([
    ['', /line 1, column 1: expected a value, found the end/],
    ["{'action': 'Add',\n 'segments': [}]", /line 2, column 15: expected a value/],
    [
      '{"action": "Add", "segments": [{"startA": 9007199254740993}]}',
      /segments\[0\].startA: .*2\^53 - 1/,
    ],
    [' '.repeat(300_000), /expected at most 262144/],
  ])('%j is refused before any agent is asked', async (text, message) => {
    const { code, stdout, stderr } = await program(text, '-', '--json');
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'SDM_INPUT' });
  });
});

describe('--dry-run', () => {
  it('shows what a command says, and what of it is not aligned', async () => {
    const { code, stdout } = await program(DOCUMENT_EXAMPLE, '-', '--dry-run');
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'Add, 4 segments, for 127.0.0.1',
      'SEGMENT  START        END          SIZE     REMOTE       NET     ALIGNED TO 256 MiB',
      '0        0x430000000  0x43fffffff  256 MiB  0x800000003  188440  remote is 0x3 past',
      '1        0x420000000  0x42fffffff  256 MiB  0x800000002  188440  remote is 0x2 past',
      '2        0x410000000  0x41fffffff  256 MiB  0x800000001  188440  remote is 0x1 past',
      '3        0x400000000  0x40fffffff  256 MiB  0x800000000  188440  yes',
      '',
    ]);
  });

  it('--json, by another granule, of a Remove', async () => {
    const text = '{"action": "remove", "segments": [{"startA": "1000", "endA": "1fff"}]}';
    const { stdout } = await program(text, '-', '--dry-run', '--json', '--granule', '4K');
    expect(JSON.parse(stdout)).toEqual({
      action: 'Remove',
      segments: [{ start: '0x1000', end: '0x1fff', size: '0x1000', aligned: true }],
    });
  });
});

describe('with an agent', () => {
  it("the document's example is added and removed as it is printed", async () => {
    const agent = await brick.start();
    const added = await program(DOCUMENT_EXAMPLE, '-');
    expect(added).toMatchObject({ code: 0, stderr: '' });
    expect(added.stdout.split('\n')[0]).toBe(
      'added d44-0x430000000: 256 MiB, memport 0, 0x430000000-0x43fffffff, pool 0x800000003',
    );
    const twice = await program(DOCUMENT_EXAMPLE, '-');
    expect(twice.stdout.split('\n')[0]).toMatch(/^was there: d44-0x430000000: 256 MiB, memport 0,/);
    expect(brick.setMemports().map(({ start, offset }) => [start, offset])).toEqual([
      [17985175552n, 16374562819n],
      [17716740096n, 16642998274n],
      [17448304640n, 16911433729n],
      [17179869184n, 17179869184n],
    ]);

    const file = join(brick.dir, 'command');
    writeFileSync(file, DOCUMENT_REMOVE);
    const removed = await program('', file, '--json');
    expect(removed.code).toBe(0);
    expect(JSON.parse(removed.stdout)).toMatchObject({
      status: 0,
      message: 'All good',
      attachments: [{ id: 'd44-0x430000000', state: 'free' }, {}, {}, {}],
    });
    expect(brick.setMemports()).toEqual([]);

    const again = await program(DOCUMENT_REMOVE, '-');
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/SDM_NOT_FOUND: segments\[0\]/),
    });
    const other = await program(DOCUMENT_EXAMPLE.replace('127.0.0.1', '192.0.2.9'), '-');
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('SDM_OTHER_BRICK') });
    expect(await agent.stop()).toBe(0);
  });
});

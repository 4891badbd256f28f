import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MEMPORT_BASE, REG } from '../../../src/abi/codec.js';
import type { Finding } from '../../../src/agent/doctor/finding.js';
import type { Report } from '../../../src/agent/doctor/index.js';
import { makeBrick, sdmAgent, type Brick, type BrickOptions } from '../../support/agent.js';
import { finished, startProgram } from '../../support/cli.js';
import { holdReport } from './examining.js';
import { writeWord } from '../registers.js';

// Processes take their time on a busy machine; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const BIN = resolve(import.meta.dirname, '../../../bin/sdm-agent');
const FREE = { SDM_AGENT_SOCKET: undefined };
let brick: Brick | undefined;
afterEach(async () => {
  await brick?.remove();
  brick = undefined;
});

async function make(options?: BrickOptions): Promise<Brick> {
  brick = await makeBrick(options);
  return brick;
}

/** Runs the doctor on a brick, as its operator would. */
async function doctor(
  { config }: Brick,
  ...args: string[]
): Promise<{ code: number | null; report: Report; scratch: Finding }> {
  const { code, stdout, stderr } = await sdmAgent(
    ['doctor', '--config', config, '--json', ...args],
    FREE,
  );
  expect(stderr).toBe('');
  const { report, find } = holdReport(JSON.parse(stdout) as Report);
  return { code, report, scratch: find('scratch') };
}

/** Bytes of the register file. */
const registers = ({ registers: path }: Brick): string => readFileSync(path).toString('hex');

function setLinks({ registers: path }: Brick, links: bigint): void {
  writeWord(path, REG.LINK_STATUS, links);
}

describe('sdm-agent doctor', () => {
  it.each([
    [['doctor', '--nonsense'], '--nonsense'],
    [['doctor', 'more'], 'too many'],
  ])('refuses %j as wrong usage', async (args, text) => {
    const { code, stderr } = await sdmAgent(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^sdm-agent: SDM_USAGE: .*\n$/);
    expect(stderr).toContain(text);
  });

  it('ends with 1 where there is a problem, for people too', async () => {
    const { code, stdout } = await sdmAgent(
      ['doctor', '--config', '/nonexistent', '--no-scratch'],
      FREE,
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/PROBLEM config: there is no configuration \/nonexistent/);
    expect(stdout.trim().split('\n').at(-1)).toMatch(/^[1-9][0-9]* problems?, /);
  });
});

describe('on a brick without an agent', () => {
  it('sets a memport and clears it, and leaves every byte of the registers as it was', async () => {
    const b = await make();
    const before = registers(b);
    const { code, report, scratch } = await doctor(b);
    expect({ code, problems: report.counts.problem }).toEqual({ code: 0, problems: 0 });
    expect(scratch).toMatchObject({
      level: 'ok',
      found: expect.stringMatching(/^memport 31, 0x200000-/),
    });
    expect(report).toMatchObject({ brick: 'test', agent: 'none', socket: b.socket });
    expect(registers(b)).toBe(before);
  });

  it('does so, too, where earlier mappings left their traces', async () => {
    const b = await make({ format: ['--ports', '2'] });
    const agent = await b.start();
    const set = ['--start', '0x400000', '--size', '2M', '--remote', '0x400000'];
    for (const port of ['0', '1']) {
      expect((await b.run('memport', 'set', port, ...set)).code).toBe(0);
      expect((await b.run('memport', 'clear', port)).code).toBe(0);
    }
    await agent.stop();
    const before = registers(b);
    const { scratch } = await doctor(b);
    expect(scratch).toMatchObject({
      level: 'ok',
      found: expect.stringMatching(/^memport 1, 0x200000-/),
    });
    expect(registers(b)).toBe(before);
  });

  it('names the STATUS of a refusal, and leaves nothing of it', async () => {
    const b = await make();
    setLinks(b, 0n);
    const before = registers(b);
    const { code, scratch, report } = await doctor(b);
    expect(code).toBe(1);
    expect(scratch).toMatchObject({
      level: 'problem',
      found: expect.stringContaining('refused with STATUS 21 (link)'),
      cause: expect.stringContaining('transceiver'),
    });
    expect(report.findings).toContainEqual(
      expect.objectContaining({ id: 'links', level: 'problem' }),
    );
    expect(registers(b)).toBe(before);
  });

  it('goes over a link that is up', async () => {
    const b = await make();
    setLinks(b, 0b0100n);
    const { scratch } = await doctor(b);
    expect(scratch).toMatchObject({ level: 'ok', found: expect.stringContaining('network id 2') });
  });

  it('keeps clear of what is set, and tries nothing where all is', async () => {
    const b = await make({ format: ['--ports', '1'] });
    const agent = await b.start();
    const set = ['--start', '0x200000', '--size', '2M', '--remote', '0x200000'];
    expect((await b.run('memport', 'set', '0', ...set)).code).toBe(0);
    await agent.stop();
    const before = registers(b);
    const { scratch } = await doctor(b);
    expect(scratch).toMatchObject({
      level: 'note',
      found: expect.stringContaining('all 1 memports'),
    });
    expect(registers(b)).toBe(before);
  });

  it('tries nothing when told so', async () => {
    const b = await make();
    const before = registers(b);
    expect((await doctor(b, '--no-scratch')).scratch).toMatchObject({ level: 'note' });
    expect(registers(b)).toBe(before);
  });

  it('says that a block is not formatted, with the command that does it', async () => {
    const b = await make();
    writeFileSync(b.registers, Buffer.alloc(0x10000));
    const { code, report } = await doctor(b);
    expect(code).toBe(1);
    const [broken] = report.findings.filter(({ level }) => level === 'problem');
    expect(broken).toMatchObject({
      id: 'registers',
      command: `sdm-agent registers format ${b.registers} --pool ${b.pool}`,
    });
    const args = broken!.command!.split(' ').slice(1);
    expect((await sdmAgent(args, FREE)).code).toBe(0);
    expect((await doctor(b)).code).toBe(0);
  });
});

describe('while an agent runs', () => {
  it('sets and clears through it, and leaves nothing set', async () => {
    const b = await make();
    await b.start();
    expect((await b.run('attach', '--size', '4M', '--mode', 'device', '--id', 'a')).code).toBe(0);
    const attached = b.setMemports();
    const { code, report, scratch } = await doctor(b);
    expect({ code, agent: report.agent }).toEqual({ code: 0, agent: 'answers' });
    expect(scratch).toMatchObject({
      level: 'ok',
      found: expect.stringMatching(/^memport 31, 0x600000-/),
    });
    expect(b.setMemports()).toEqual(attached);
    const { stdout } = await b.run('memport', 'list', '--all', '--json');
    const owners = (JSON.parse(stdout) as { owner: string }[]).map(({ owner }) => owner);
    expect(owners.filter((owner) => owner !== 'none')).toEqual(['attachment']);
  });

  it('names the STATUS that it was refused with', async () => {
    const b = await make();
    await b.start();
    setLinks(b, 0n);
    const { code, scratch } = await doctor(b);
    expect(code).toBe(1);
    expect(scratch.found).toContain('STATUS 21 (link)');
    expect(b.setMemports()).toEqual([]);
  });

  it('names the process that holds the block, where its agent is not found', async () => {
    const b = await make();
    const agent = await b.start();
    const before = registers(b);
    const { code, scratch } = await doctor(b, '--socket', join(b.dir, 'other.sock'));
    expect(code).toBe(1);
    expect(scratch).toMatchObject({
      level: 'problem',
      found: expect.stringMatching(new RegExp(`owned by .*${agent.pid}`)),
    });
    expect(registers(b)).toBe(before);
  });
});

it('is cancelled while it waits for a silent agent', async () => {
  const b = await make();
  const before = registers(b);
  const path = join(b.dir, 'silent.sock');
  const server = createServer().listen(path);
  const asked = once(server, 'connection');
  try {
    const child = startProgram(BIN, ['doctor', '--config', b.config, '--socket', path]);
    const end = finished(child);
    await asked;
    child.kill('SIGINT');
    expect(await end).toEqual({
      code: 130,
      stdout: '',
      stderr: 'sdm-agent: SDM_CANCELLED: cancelled by SIGINT; nothing is left\n',
    });
    expect(registers(b)).toBe(before);
  } finally {
    server.close();
  }
});

it('never writes beyond the memports of a block', async () => {
  const b = await make({ format: ['--ports', '512'] });
  const before = readFileSync(b.registers);
  expect((await doctor(b)).scratch.found).toMatch(/^memport 511, /);
  const after = readFileSync(b.registers);
  expect(after.subarray(0, MEMPORT_BASE)).toEqual(before.subarray(0, MEMPORT_BASE));
  expect(after).toEqual(before);
});

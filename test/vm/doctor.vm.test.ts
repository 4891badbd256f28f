import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckId, Finding } from '../../src/agent/doctor/finding.js';
import type { Report } from '../../src/agent/doctor/index.js';
import type { Attachment } from '../../src/agent/api/schemas.js';
import type { Rack } from '../../src/rack/index.js';
import { holdReport } from '../agent/doctor/examining.js';
import {
  agentJson,
  COMMAND_MS,
  expectCleanKernelLog,
  inBrick,
  setMemports,
  testRack,
} from '../support/rack.js';

let rack: Rack;

async function doctor(): Promise<ReturnType<typeof holdReport> & { code: number }> {
  const { code, stdout } = await rack.exec(1, 'sdm-agent doctor --json', { timeoutMs: COMMAND_MS });
  return { code, ...holdReport(JSON.parse(stdout) as Report) };
}

/** Bytes of the registers, on the host. */
const registers = (): string => readFileSync(rack.registersPath(1)).toString('hex');

/** Breaks things, and mends each by the very command that its finding gives. */
async function mended(
  breaking: string,
  expected: Partial<Record<CheckId, Finding['level']>>,
): Promise<void> {
  await inBrick(rack, 1, breaking);
  const { find } = await doctor();
  const broken = Object.keys(expected).map((id) => find(id as CheckId));
  expect(Object.fromEntries(broken.map(({ id, level }) => [id, level]))).toEqual(expected);
  await inBrick(rack, 1, broken.map(({ command }) => command ?? 'false').join(' && '));
  const after = await doctor();
  for (const { id } of broken) expect(after.find(id)).toMatchObject({ id, level: 'ok' });
}

beforeAll(async () => {
  rack = await testRack('doctor', { bricks: 1, append: 'sdm.agent=no' });
});
afterAll(() => rack?.down());

// In order: each test goes on from what the one before has left.
describe('on a stock brick', () => {
  it('without an agent finds no problem, and leaves the registers as they were', async () => {
    const before = registers();
    const { code, at, find, report } = await doctor();
    expect(at('problem')).toEqual([]);
    expect({ code, agent: report.agent }).toEqual({ code: 0, agent: 'none' });
    expect(find('scratch')).toMatchObject({
      level: 'ok',
      found: expect.stringMatching(/^memport 31, 0x80/),
    });
    expect(registers()).toBe(before);
  });

  it('gives commands that mend', async () => {
    await mended('rmmod sdmc_mem', { module: 'problem' });
    await mended(
      'chmod 0666 /dev/sdm-window; ' +
        'echo online >/sys/devices/system/memory/auto_online_blocks; ' +
        'echo 0 >/sys/kernel/mm/numa/demotion_enabled',
      { 'window-device': 'warning', 'auto-online': 'note', demotion: 'note' },
    );
  });

  it('with an agent finds no problem, and leaves nothing set', async () => {
    await inBrick(
      rack,
      1,
      'setsid /etc/sdm/run-agent >/dev/null 2>&1 </dev/null & ' +
        'brickready --timeout 60 --agent /run/sdm/agent.sock',
    );
    const attached = await agentJson<Attachment>(rack, 1, 'attach --size 256M');
    const { code, at, find, report } = await doctor();
    expect(at('problem')).toEqual([]);
    expect({ code, agent: report.agent }).toEqual({ code: 0, agent: 'answers' });
    expect(find('scratch').level).toBe('ok');
    expect(find('window')).toMatchObject({ level: 'ok' });
    expect(find('pool-held').found).toContain('parked');
    expect(setMemports(rack, 1)).toHaveLength(1);
    await agentJson(rack, 1, `detach ${attached.id}`);
    expect(setMemports(rack, 1)).toEqual([]);
  });

  it('never makes the kernel complain', () => expectCleanKernelLog(rack, 1));
});

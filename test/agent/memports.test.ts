import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Agent } from '../../src/agent/agent.js';
import { LINK_STATUS_OFFSET, makeBrick, MIB, type TestBrick } from './brick.js';
import { ModelMemory } from './model-memory.js';
import { writeWord } from './registers.js';

let brick: TestBrick;
let agent: Agent;
let memory: ModelMemory;

beforeEach(async () => {
  brick = makeBrick();
  memory = new ModelMemory(4n * MIB);
  agent = await Agent.open(brick.config, { memory });
});
afterEach(async () => {
  await agent.close();
  brick.remove();
});

const SPEC = { start: 40n * MIB, size: 2n * MIB, remote: 40n * MIB };

describe('memports by hand', () => {
  test.each([
    [-1, SPEC],
    [32, SPEC],
    [0.5, SPEC],
    [0, { ...SPEC, size: 0n }],
    [0, { ...SPEC, size: -1n }],
    [0, { ...SPEC, start: -1n }],
    [0, { ...SPEC, start: (1n << 64n) - 1n }],
    [0, { ...SPEC, remote: 1n << 64n }],
    [0, { ...SPEC, outId: -1n }],
  ])('refuses what cannot be: case %#', async (port, spec) => {
    await expect(agent.setMemport(port, spec)).rejects.toMatchObject({ code: 'SDM_INPUT' });
    expect(agent.memports().some((found) => found.set)).toBe(false);
  });

  test('set, again, clear, again', async () => {
    const set = await agent.setMemport(5, SPEC);
    expect(set).toMatchObject({ port: 5, set: true, owner: 'manual', ...{ start: SPEC.start } });
    expect(await agent.setMemport(5, SPEC)).toEqual(set);
    await expect(agent.setMemport(5, { ...SPEC, size: 4n * MIB })).rejects.toMatchObject({
      code: 'SDM_MEMPORT_SET',
    });
    expect(
      await agent.setMemport(5, { ...SPEC, size: 4n * MIB }, { override: true }),
    ).toMatchObject({ end: 44n * MIB - 1n, owner: 'manual' });
    expect(await agent.clearMemport(5)).toMatchObject({ set: false, owner: 'none' });
    expect(await agent.clearMemport(5)).toMatchObject({ set: false });
  });

  test('what the device refuses is said in its words, and is nobody’s', async () => {
    await expect(agent.setMemport(1, { ...SPEC, remote: 48n * MIB })).rejects.toMatchObject({
      code: 'SDM_MEMPORT_REFUSED',
      details: { memport: 1, statusName: 'remote' },
    });
    expect(agent.memport(1)).toMatchObject({ set: false, owner: 'none', statusName: 'remote' });
    expect(await agent.clearMemport(1)).toMatchObject({ status: 0 });
  });

  test.each([
    [{ ...SPEC, start: SPEC.start + 4096n }, /: start 0x2801000 must be .* granule, 0x200000$/],
    [{ ...SPEC, size: MIB }, /: size 0x100000 must be .* granule, 0x200000$/],
    [
      { ...SPEC, start: 41n * MIB, remote: 41n * MIB },
      /: start 0x2900000 and remote 0x2900000 must/,
    ],
  ])('what is no multiple of the granule is named: case %#', async (spec, message) => {
    await expect(agent.setMemport(1, spec, { override: true })).rejects.toMatchObject({
      code: 'SDM_MEMPORT_REFUSED',
      message: expect.stringMatching(message),
    });
  });

  test.each([
    [{ ...SPEC, start: SPEC.start + 4096n }, 'alignment'],
    [{ ...SPEC, start: 128n * MIB }, 'window'],
    [{ ...SPEC, remote: 256n * MIB }, 'remote'],
    [{ ...SPEC, remote: 48n * MIB }, 'remote'],
    [{ ...SPEC, start: 50n * MIB, remote: 50n * MIB }, 'overlap'],
    [{ ...SPEC, outId: 3n }, 'link'],
  ])(
    'a set over another that the device would refuse leaves that: %#',
    async (spec, statusName) => {
      await agent.setMemport(6, { start: 50n * MIB, size: 2n * MIB, remote: 50n * MIB });
      const before = await agent.setMemport(5, SPEC);
      writeWord(brick.registers, LINK_STATUS_OFFSET, 0b0111n);
      await expect(agent.setMemport(5, spec, { override: true })).rejects.toMatchObject({
        code: 'SDM_MEMPORT_REFUSED',
        details: { memport: 5, statusName },
      });
      expect(agent.memport(5)).toEqual(before);
    },
  );

  test('outside of the shares, or over what another one leads to: only with override', async () => {
    const header = { start: 0n, size: 128n * MIB, remote: 0n };
    await expect(agent.setMemport(0, header)).rejects.toMatchObject({ code: 'SDM_NOT_OURS' });
    await agent.setMemport(0, SPEC);
    const over = { ...SPEC, size: 4n * MIB };
    await expect(agent.setMemport(1, over)).rejects.toMatchObject({
      code: 'SDM_RANGE_TAKEN',
      message: expect.stringContaining('to which memport 0 leads'),
    });
    await expect(agent.setMemport(1, over, { override: true })).rejects.toMatchObject({
      code: 'SDM_MEMPORT_REFUSED',
      details: { statusName: 'overlap' },
    });
  });

  test('an attachment keeps away from it, and from the rest of its range', async () => {
    await agent.setMemport(0, { start: 32n * MIB, size: 2n * MIB, remote: 32n * MIB });
    const attachment = await agent.attach({ mode: 'device', size: 2n * MIB });
    expect(attachment).toMatchObject({ memport: 1, remote: 34n * MIB });
  });
});

describe('memports of attachments', () => {
  test('are not touched without override, and never while the range is in use', async () => {
    await agent.attach({ id: 'ram', mode: 'system-ram', size: 4n * MIB });
    const device = await agent.attach({ id: 'dev', mode: 'device', size: 2n * MIB });
    for (const port of [0, 1]) {
      await expect(agent.clearMemport(port)).rejects.toMatchObject({ code: 'SDM_MEMPORT_OWNED' });
      await expect(agent.setMemport(port, SPEC)).rejects.toMatchObject({
        code: 'SDM_MEMPORT_OWNED',
      });
    }
    await expect(agent.clearMemport(0, { override: true })).rejects.toMatchObject({
      code: 'SDM_MEMPORT_LIVE',
      message: expect.stringContaining('detach ram'),
    });
    memory.region(device)!.mapped = 1;
    await expect(agent.clearMemport(1, { override: true })).rejects.toMatchObject({
      code: 'SDM_MEMPORT_LIVE',
    });
    memory.region(device)!.mapped = 0;
    // a program may map it a moment later
    for (const refused of [
      agent.clearMemport(1, { override: true }),
      agent.setMemport(1, SPEC, { override: true }),
    ]) {
      await expect(refused).rejects.toMatchObject({
        code: 'SDM_MEMPORT_LIVE',
        message: expect.stringContaining('programs may map: detach dev'),
      });
    }
    expect(agent.getAttachment('dev')).toEqual(device);
    expect(agent.memport(1)).toMatchObject({ set: true, remote: device.remote });
    expect((await agent.detach('dev')).state).toBe('free');
    expect((await agent.detach('ram')).state).toBe('free');
  });
});

describe('transceivers', () => {
  test('reset of one that is not there', async () => {
    await expect(agent.resetTransceiver(4)).rejects.toMatchObject({ code: 'SDM_INPUT' });
    await expect(agent.resetTransceiver(-1)).rejects.toMatchObject({ code: 'SDM_INPUT' });
    expect(await agent.resetTransceiver(3)).toMatchObject({ transceiver: 3, up: true });
  });
});

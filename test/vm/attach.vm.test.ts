import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attachment } from '../../src/agent/api/schemas.js';
import type { Rack } from '../../src/rack/index.js';
import {
  agentJson,
  agentRefuses,
  expectCleanKernelLog,
  holdInBrick,
  inBrick,
  poolIsZero,
  setMemports,
  testRack,
} from '../support/rack.js';
import { expectNothingAttached } from '../support/remote-memory.js';

const MIB = 1n << 20n;
/** Two memory blocks. */
const SIZE = 256n * MIB;
const BRICKS = [1, 2] as const;

let rack: Rack;

const attach = (n: number, args: string): Promise<Attachment> =>
  agentJson(rack, n, `attach ${args}`);
const detach = (n: number, id: string): Promise<Attachment> => agentJson(rack, n, `detach ${id}`);

beforeAll(async () => {
  rack = await testRack('attach');
});
afterAll(() => rack?.down());

describe('what cannot be attached', () => {
  it('is refused, and changes nothing', async () => {
    const others = rack.state().bricks[1]?.shares.find((share) => !share.shared);
    const cases = [
      ['--size 100M', 'SDM_INPUT'],
      ['--size 0', 'SDM_INPUT'],
      ['--size 64G', 'SDM_NO_SPACE'],
      ['--size 256M --node 9', 'SDM_INPUT'],
      ['--size 256M --shared', 'SDM_INPUT'],
      ['--size 256M --remote 0x0', 'SDM_NOT_OURS'],
      [`--size 256M --remote ${others?.start}`, 'SDM_NOT_OURS'],
    ] as const;
    const answers = await inBrick(
      rack,
      1,
      cases.map(([args]) => `sdm-agent attach ${args} 2>&1 && echo attached`).join('; ') + '; true',
    );
    expect(answers.trim().split('\n')).toEqual(
      cases.map(([, code]) => expect.stringMatching(`^sdm-agent: ${code}: `)),
    );
    await expectNothingAttached(rack, 1);
  });
});

describe('system RAM', () => {
  it('is scrubbed when it is given back', async () => {
    const attachment = await attach(1, `--size ${SIZE}`);
    await inBrick(rack, 1, `memfill --node 1 --size ${SIZE / 2n} --seed 7`);
    expect(await poolIsZero(rack, BigInt(attachment.remote), SIZE)).toBe(false);
    await detach(1, attachment.id);
    expect(await poolIsZero(rack, BigInt(attachment.remote), SIZE)).toBe(true);
  });

  it('stays as it is when a page is pinned, and says which block and why', async () => {
    const attachment = await attach(1, `--size ${SIZE}`);
    const pin = await holdInBrick(rack, 1, 'mempin --node 1');
    expect(pin.line).toMatch(/^pinned \d+ pages in node 1$/);

    const { line } = await agentRefuses(rack, 1, `detach ${attachment.id} --offline-timeout 3000`);
    expect(line).toMatch(/^sdm-agent: SDM_OFFLINE_REFUSED: memory block \d+ .*reason: pinned/);
    const [kept] = await agentJson<Attachment[]>(rack, 1, 'list');
    expect(kept).toMatchObject({
      id: attachment.id,
      state: 'online',
      error: { code: 'SDM_OFFLINE_REFUSED' },
    });
    const states = await inBrick(
      rack,
      1,
      `for b in ${attachment.blocks?.join(' ')}; do ` +
        'cat /sys/devices/system/memory/memory$b/state; done',
    );
    expect(states).toBe('online\n'.repeat(attachment.blocks?.length ?? 0));
    expect(setMemports(rack, 1)).toHaveLength(1);
    await inBrick(rack, 1, 'memfill --node 1 --size 64M --seed 9');

    expect(await pin.release()).toBe(0);
    expect(await detach(1, attachment.id)).toMatchObject({ state: 'free' });
    await expectNothingAttached(rack, 1);
  });
});

describe('device ranges', () => {
  it('cannot be mapped once they are given back, nor beyond their end', async () => {
    const { id, device } = await attach(2, '--mode device --size 64M');
    const beyond = await rack.exec(
      2,
      `memfill --device ${device?.path} --offset ${device?.offset} --size 66M --seed 1 --check`,
    );
    expect(beyond).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot map') });
    await detach(2, id);
    const after = await rack.exec(
      2,
      `memfill --device ${device?.path} --offset ${device?.offset} --size 64M --seed 1 --check`,
    );
    expect(after).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot map') });
  });

  it('written in one brick are read in the other, and keep their bytes', async () => {
    const args = '--mode device --shared --size 32M --remote 0x2000000';
    const [one, two] = [await attach(1, args), await attach(2, args)];
    const fill = (attachment: Attachment): string =>
      `memfill --device ${attachment.device?.path} --offset ${attachment.device?.offset} ` +
      '--size 32M --seed 0x5eed';
    await inBrick(rack, 1, `${fill(one)} --write`);
    await inBrick(rack, 2, `${fill(two)} --check`);
    await detach(1, one.id);
    await inBrick(rack, 2, `${fill(two)} --check`);
    await detach(2, two.id);
    expect(await poolIsZero(rack, 0x2000000n, 32n * MIB)).toBe(false);
    for (const n of BRICKS) await expectNothingAttached(rack, n);
  });
});

describe('all of this', () => {
  it('never makes the kernel complain', async () => {
    for (const n of BRICKS) await expectCleanKernelLog(rack, n);
  });
});

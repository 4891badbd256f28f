import { describe, expect, test } from 'vitest';
import type { Command } from '../../../src/abi/d44/index.js';
import { RemoteMemory } from '../../../src/agent/d44.js';
import type { AttachRequest, Attachment, Ensured, RegionView } from '../../../src/agent/types.js';
import { SdmError } from '../../../src/common/errors.js';
import { attachment as shown, FakeCore } from '../api/fake-core.js';

const UNIT = 0x1000_0000n;

/** A core that keeps attachments, and refuses what it is told to. */
class ScriptedCore extends FakeCore {
  readonly there = new Map<string, Attachment>();
  regions: RegionView[] = [];
  refuseAttach: string | undefined;
  refuseDetach: readonly string[] = [];

  put(id: string, start: bigint, over: Partial<Attachment> = {}): void {
    const end = start + UNIT - 1n;
    this.there.set(id, { ...shown, id, start, end, outId: 0n, inId: 0n, ...over });
  }

  override listAttachments(): Attachment[] {
    return [...this.there.values()];
  }

  override async ensure({ id = '', start = 0n }: AttachRequest): Promise<Ensured> {
    if (id === this.refuseAttach) {
      throw new SdmError('SDM_NO_MEMPORT', 'all are in use', { details: { ports: 32 } });
    }
    const created = !this.there.has(id);
    if (created) this.put(id, start);
    return { attachment: this.there.get(id)!, created };
  }

  override async detach(id: string): Promise<Attachment> {
    if (this.refuseDetach.includes(id)) {
      throw new SdmError('SDM_FAILED', `${id} is stuck`, { details: { attachment: id } });
    }
    const found = this.there.get(id)!;
    this.there.delete(id);
    return { ...found, state: 'free' };
  }

  override async memory() {
    const memory = await super.memory();
    return { ...memory, module: { ...memory.module, regions: this.regions } };
  }
}

function command(action: 'Add' | 'Remove', ...starts: bigint[]): Command {
  const segments = starts.map((start) => ({
    start,
    end: start + UNIT - 1n,
    remote: action === 'Add' ? start : undefined,
    net: action === 'Add' ? 0n : undefined,
  }));
  return { action, cIP: undefined, segments } as Command;
}

const A = 0x1_0000_0000n;
const [B, C] = [A + UNIT, A + 2n * UNIT];

describe('an Add that cannot be taken back', () => {
  test('says what is left, and why it had to be taken back', async () => {
    const core = new ScriptedCore();
    core.refuseAttach = 'd44-0x120000000';
    core.refuseDetach = ['d44-0x100000000'];
    await expect(
      new RemoteMemory(core, undefined).run(command('Add', A, B, C)),
    ).rejects.toMatchObject({
      code: 'SDM_FAILED',
      message:
        'segments[2] (startA 0x120000000): all are in use; what it had made could not be taken ' +
        'back: d44-0x100000000 (`sdm-agent list`)',
      details: { segment: 2, left: ['d44-0x100000000'], cause: { code: 'SDM_NO_MEMPORT' } },
    });
    expect([...core.there.keys()]).toEqual(['d44-0x100000000']);
  });

  test('what was there before is not taken back, though it was answered', async () => {
    const core = new ScriptedCore();
    core.put('d44-0x100000000', A);
    core.refuseAttach = 'd44-0x120000000';
    const run = new RemoteMemory(core, undefined).run(command('Add', A, B, C));
    await expect(run).rejects.toMatchObject({
      code: 'SDM_NO_MEMPORT',
      details: { ports: 32, segment: 2, undone: true },
    });
    expect([...core.there.keys()]).toEqual(['d44-0x100000000']);
  });
});

describe('a Remove that fails between', () => {
  test('says of each segment what became of it', async () => {
    const core = new ScriptedCore();
    for (const [id, start] of [
      ['a', A],
      ['b', B],
      ['c', C],
    ] as const)
      core.put(id, start);
    core.refuseDetach = ['b'];
    await expect(
      new RemoteMemory(core, undefined).run(command('Remove', A, B, C)),
    ).rejects.toMatchObject({
      code: 'SDM_FAILED',
      message: 'segments[1] (startA 0x110000000): b is stuck; removed were a, c',
      details: {
        segment: 1,
        segments: [
          { startA: '0x100000000', attachment: 'a', state: 'free' },
          { startA: '0x110000000', attachment: 'b', error: { code: 'SDM_FAILED' } },
          { startA: '0x120000000', attachment: 'c', state: 'free' },
        ],
      },
    });
    core.refuseDetach = ['b'];
    await expect(new RemoteMemory(core, undefined).run(command('Remove', B))).rejects.toMatchObject(
      { message: expect.stringMatching(/nothing was removed$/) },
    );
  });
});

describe('a Remove is refused before any is removed', () => {
  test('where programs map one of them', async () => {
    const core = new ScriptedCore();
    core.put('a', A);
    core.put('b', B);
    core.regions = [
      { start: A, end: A + UNIT - 1n, state: 'device', node: -1, mapped: 0 },
      { start: B, end: B + UNIT - 1n, state: 'device', node: -1, mapped: 2 },
    ];
    await expect(
      new RemoteMemory(core, undefined).run(command('Remove', A, B)),
    ).rejects.toMatchObject({
      code: 'SDM_DEVICE_MAPPED',
      message: expect.stringMatching(/^segments\[1\] .* attachment b, which 2 live mappings of/),
      details: { segment: 1, attachment: 'b', mapped: 2 },
    });
    expect(core.there.size).toBe(2);
  });

  test('where one of them is system RAM', async () => {
    const core = new ScriptedCore();
    core.put('a', A);
    core.put('b', B, { mode: 'system-ram', node: 1 });
    await expect(
      new RemoteMemory(core, undefined).run(command('Remove', A, B)),
    ).rejects.toMatchObject({
      code: 'SDM_CONFLICT',
      message:
        'segments[1] (startA 0x110000000) is attachment b, which is system RAM of node 1: its ' +
        'memory has to go offline first; use `sdm-agent detach b`',
    });
    expect(core.there.size).toBe(2);
  });
});

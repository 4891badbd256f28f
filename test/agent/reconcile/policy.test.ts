import { describe, expect, test } from 'vitest';
import { makeTree } from '../tree.js';
import { useScene } from './scene.js';
import { begin } from './world.js';

const scene = useScene();

describe("the kernel's policy for new memory", () => {
  const FILE = 'devices/system/memory/auto_online_blocks';

  async function policyAfter(found: string, boots: number): Promise<string | undefined> {
    await scene.mortal.agent.close();
    const tree = makeTree({ [FILE]: found });
    await scene.world.journal.record({ kind: 'policy', saved: 'online_movable' });
    scene.world.boot += boots;
    const config = { ...scene.world.brick.config, sysfs: tree.root };
    scene.mortal = await begin({ ...scene.world, brick: { ...scene.world.brick, config } });
    const after = (await scene.mortal.agent.memory()).autoOnline;
    expect(scene.world.journal.state().policy).toBeNull();
    tree.remove();
    return after;
  }

  test('that a crash left switched off is put back', async () => {
    expect(await policyAfter('offline\n', 0)).toBe('online_movable');
  });

  test('that someone has chosen since is left', async () => {
    expect(await policyAfter('online_kernel\n', 0)).toBe('online_kernel');
  });

  test('of another boot is left', async () => {
    expect(await policyAfter('offline\n', 1)).toBe('offline');
  });
});

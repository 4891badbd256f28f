import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { Controller } from '../../src/controller/controller.js';
import { generateTopology } from '../../src/controller/inventory/generate.js';
import { RECONCILE_OPTIONS } from '../../src/controller/reconcile/types.js';
import { openStore } from '../../src/controller/store/index.js';
import { AT_ONCE, TIMEOUTS } from '../../src/controller/synthesizer/daemons.js';
import { createLog } from '../../src/common/log.js';
import { waitFor } from '../../src/common/wait.js';
import { scratchDir } from '../support/scratch.js';

const WHO = { kind: 'local', role: 'admin', name: 'test' } as const;

afterEach(() => vi.restoreAllMocks());

test('a command that hangs is named once all of its deadlines are over, and not before', async () => {
  const log = createLog('test', 'silent');
  const path = join(scratchDir('overdue'), 'controller.db');
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let reached = false;
  const controller = await Controller.open({
    ...{ name: 'test', store: await openStore({ path, log }), log, atOnce: AT_ONCE },
    topology: generateTopology({ boxes: 1, cores: 8, segments: 8 }),
    defaults: { policy: 'nearest', pathUtil: 0 },
    timeouts: TIMEOUTS,
    reconcile: { ...RECONCILE_OPTIONS },
    faults: {
      at: (point) => {
        if (point !== 'allocate.active.before') return;
        reached = true;
        return held;
      },
    },
  });
  try {
    const made = controller.allocate({ cores: 1 }, WHO, {});
    await waitFor('the command to hang', () => reached || undefined, { timeoutMs: 20_000 });
    const now = performance.now();
    const later = vi.spyOn(performance, 'now').mockReturnValue(now + TIMEOUTS.scrubMs);
    expect(controller.overdue()).toBeUndefined();
    expect(controller.problems()).toEqual([]);
    later.mockReturnValue(now + 24 * 3_600_000);
    expect(controller.overdue()).toMatch(/^a command on platform 1 has been at work for 86400 s/);
    expect(controller.problems()).toEqual([{ about: 'command', text: controller.overdue() }]);
    release();
    await made;
    expect(controller.overdue()).toBeUndefined();
  } finally {
    vi.restoreAllMocks();
    release();
    await controller.close();
  }
});

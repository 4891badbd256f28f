import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLog } from '../../src/common/log.js';
import { parseConfig } from '../../src/controller/config.js';
import { Controller } from '../../src/controller/controller.js';
import { NO_FAULTS } from '../../src/controller/faults.js';
import { optionsForBricks } from '../../src/controller/inventory/generate-options.js';
import { generateTopology } from '../../src/controller/inventory/generate.js';
import { EPOCH_KEY } from '../../src/controller/platforms/keys.js';
import { openStore } from '../../src/controller/store/index.js';
import { scratchDir } from '../support/scratch.js';

const ME = { kind: 'local', role: 'local', name: 'local' } as const;

test('a controller that was replaced can store nothing, and says so', async () => {
  const log = createLog('test', 'silent');
  const store = await openStore({ path: join(scratchDir('replaced'), 'controller.db'), log });
  const { timeouts, atOnce, reconcile, policy, pathUtil } = parseConfig({ topology: '/t' }, 'test');
  const controller = await Controller.open({
    ...{ name: 'test', topology: generateTopology(optionsForBricks(16)), store, log },
    ...{ timeouts, atOnce, reconcile, defaults: { policy, pathUtil }, faults: NO_FAULTS },
  });
  await controller.allocate({ cores: 1 }, ME);
  await store.commit({ put: [{ key: EPOCH_KEY, value: '"0x9"' }] });
  await expect(controller.allocate({ cores: 1 }, ME)).rejects.toMatchObject({
    code: 'SDM_STALE_EPOCH',
  });
  expect(await controller.replaced).toMatchObject({ code: 'SDM_STALE_EPOCH' });
  expect(controller.list()).toHaveLength(1);
  await controller.close();
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { ADDON_SOURCES } from '../../src/rack/artifacts/payload.js';

it('makes the addon of guests anew when any of its sources changes: all of them are there', () => {
  const missing = ADDON_SOURCES.filter((path) => !existsSync(join(projectDir(), path)));
  expect(missing).toEqual([]);
  // Not everything that is in a checkout is in an installed package, npm's lock file for one.
  expect(ADDON_SOURCES).not.toContain('package-lock.json');
  expect(ADDON_SOURCES).toContain('native/cmake');
});

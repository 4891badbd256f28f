import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { waitFor } from '../../src/common/wait.js';
import type { PlatformView } from '../../src/controller/views.js';
import { finished, startProgram, type CliResult } from '../support/cli.js';
import { makeControllerRack, SEGMENT, type ControllerRack } from '../support/controller-rack.js';

const BIN = join(import.meta.dirname, '../../bin/sdm-controller');
const DEADLINE = { timeoutMs: 30_000 };

let rack: ControllerRack;
const at = (name: string): string => join(rack.dir, name);
const restore = (file: string): Promise<CliResult> =>
  finished(startProgram(BIN, ['restore', file, '--store', at('store')]));
const backup = (): Promise<unknown> => rack.ask('POST', '/v1/backup', { path: at('backup.db') });
const create = async (): Promise<PlatformView> =>
  (await rack.ask('POST', '/v1/platforms', {
    ...{ cores: 1, remoteMemory: `0x${SEGMENT.toString(16)}`, pathUtil: 10 },
  })) as PlatformView;

afterEach(() => rack.remove());

test('after a restore no id comes again, and agents and lenders obey at once', async () => {
  rack = await makeControllerRack({ computes: 1, memories: 1, daemons: ['agents', 'lenders'] });
  await rack.startBricks();
  const first = await rack.startController();
  await create();
  await backup();
  expect((await create()).attachments).toMatchObject([{ id: 'p2-0' }]);
  await first.stop();
  await (await rack.startController()).stop(); // bricks know a later term than the backup has
  const { code, stdout, stderr } = await restore(at('backup.db'));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(
    /^restored .*controller\.db: the next platform is \d+; what was there is /,
  );

  await rack.startController();
  const known = async (id: string, what: string): Promise<string> => {
    const answer = (await rack.askBrick(id, 'GET', `/v1/${what}`)) as {
      [list: string]: { id: string }[];
    };
    return answer[what]!.map((each) => each.id).join();
  };
  const look = async (): Promise<true | undefined> =>
    ((await known('0.0.0', 'attachments')) === 'p1-0' &&
      (await known('0.0.1', 'grants')) === 'p1-0') ||
    undefined;
  await waitFor('what nobody knows of any more to go', look, DEADLINE);
  const { id, attachments } = await create();
  expect(id).toBeGreaterThan(1 << 20);
  expect(attachments).toMatchObject([{ id: `p${id}-0`, state: 'attached' }]);
});

test('what is no backup, or comes while a controller runs, leaves the database as it is', async () => {
  rack = await makeControllerRack({ daemons: [] });
  const first = await rack.startController();
  const made = await create();
  await backup();
  expect((await restore(at('backup.db'))).stderr).toContain('SDM_LOCKED');
  await first.stop();
  const before = readFileSync(at('store/controller.db'));
  const torn = Buffer.from(readFileSync(at('backup.db')));
  torn.fill(0x5a, torn.length - 2_048);
  writeFileSync(at('torn.db'), torn);
  writeFileSync(at('empty.db'), '');
  writeFileSync(at('text.db'), 'no database at all');
  const refusals = {
    'nowhere.db': 'SDM_USAGE',
    'empty.db': 'SDM_USAGE',
    'store/controller.db': 'SDM_USAGE',
    'text.db': 'SDM_STORE',
    'torn.db': 'SDM_STORE',
  };
  for (const [name, expected] of Object.entries(refusals)) {
    const { code, stderr } = await restore(at(name));
    expect(code, name).not.toBe(0);
    expect(stderr, name).toContain(`sdm-controller: ${expected}`);
  }
  expect(readFileSync(at('store/controller.db')).equals(before)).toBe(true);
  expect(readdirSync(at('store')).sort()).toEqual(['controller.db', 'controller.db.lock']);
  await rack.startController();
  expect(await rack.ask('GET', '/v1/platforms')).toEqual({ platforms: [made] });
});

test('one that was cut short is done again before a controller starts', async () => {
  rack = await makeControllerRack({ daemons: [] });
  const first = await rack.startController();
  const made = await create();
  await backup();
  await create();
  await first.stop('SIGKILL'); // what was made last is in the WAL
  copyFileSync(at('backup.db'), at('store/controller.db.restoring'));
  await expect(rack.startController()).rejects.toMatchObject({
    details: { log: expect.arrayContaining([expect.stringContaining('SDM_STORE_CORRUPT')]) },
  });
  expect((await restore(at('backup.db'))).code).toBe(0);
  await rack.startController();
  expect(await rack.ask('GET', '/v1/platforms')).toEqual({ platforms: [made] });
});

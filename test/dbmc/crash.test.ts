import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromBuffer } from '../../src/abi/codec.js';
import { readFileSync, writeFileSync } from 'node:fs';
import { FAULT_POINTS } from '../../src/dbmc/faults.js';
import { waitFor } from '../../src/common/wait.js';
import { createRegisters } from '../../src/rack/registers.js';
import { ofSwitch, startTray, TRAY } from '../support/dbmc.js';
import { scratchDir } from '../support/scratch.js';

const dir = scratchDir('dbmc-crash');
const WAIT = { timeoutMs: 20_000 };

async function registersIn(name: string): Promise<string> {
  const path = join(dir, name);
  await createRegisters(path, 1n << 30n);
  return path;
}

/** Which links of a register block are up. */
function links(path: string): boolean[] {
  const { linkStatus } = fromBuffer(readFileSync(path)).header;
  return [0, 1, 2, 3].map((t) => ((linkStatus >> BigInt(t)) & 1n) === 1n);
}

const withRegisters = (path: string) => ({ ...TRAY, registers: { '0.2.9': { file: path } } });

describe("links of a brick's registers", () => {
  it('are what its ports are: down at the start, up when connected, down with the brick', async () => {
    const path = await registersIn('follow');
    expect(links(path)).toEqual([true, true, true, true]);
    const { post } = await startTray(join(dir, 'follow.d'), withRegisters(path));
    // transceivers 2 and 3 hang on nothing of this tray, and are not its to touch
    const settled = (wanted: boolean[]) =>
      waitFor(
        `links ${wanted}`,
        () => (String(links(path)) === String(wanted) ? true : undefined),
        WAIT,
      );
    await settled([false, false, true, true]);
    await post('/api/switch/connectports', ofSwitch('dbesm-0-2', [[0, 4]]));
    expect(links(path)).toEqual([true, false, true, true]);
    await post('/api/switch/connectports', ofSwitch('dbesm-0-2', [[0, 5]]));
    await post('/api/switch/disconnectports', ofSwitch('dbesm-0-2', [[0, 4]]));
    expect(links(path)[0]).toBe(true); // it still leads to port 5
    await post('/api/switch/disconnectports', ofSwitch('dbesm-0-2', [[0, 5]]));
    expect(links(path)[0]).toBe(false);
    await post('/api/switch/connectports', ofSwitch('dbosm-0-2', [[1, 7]]));
    expect(links(path)[1]).toBe(true);
    await post('/v1/faults', { faults: [{ kind: 'power-off', brick: '0.2.9' }] });
    expect(links(path)[1]).toBe(false);
    await post('/v1/faults', { faults: [] });
    expect(links(path)[1]).toBe(true);
  });

  it('refuses a connection whose link cannot come up, and keeps nothing of it', async () => {
    const path = join(dir, 'no-registers');
    const { post } = await startTray(join(dir, 'missing.d'), withRegisters(path));
    expect(
      await post(
        '/api/switch/connectports',
        ofSwitch('dbesm-0-2', [
          [0, 4],
          [8, 9],
        ]),
      ),
    ).toMatchObject({
      status: 502,
      body: { code: 'SDM_PORT_FAULT', details: { brick: '0.2.9', transceiver: 0 } },
    });
    expect((await post('/api/switch/portsinfo', ofSwitch('dbesm-0-2'))).body).toMatchObject({
      connections: [],
    });
    expect(await post('/api/switch/connectports', ofSwitch('dbesm-0-2', [[8, 9]]))).toMatchObject({
      status: 200,
    });
  });

  it('does not connect a port that a test broke, and is slow where a test says so', async () => {
    const { post } = await startTray(join(dir, 'stuck.d'));
    await post('/v1/faults', {
      faults: [
        { kind: 'port', switch: 'dbesm-0-2', port: 4 },
        { kind: 'slow', ms: 300 },
      ],
    });
    const began = performance.now();
    expect(
      await post(
        '/api/switch/connectports',
        ofSwitch('dbesm-0-2', [
          [1, 2],
          [0, 4],
        ]),
      ),
    ).toMatchObject({
      status: 502,
      body: { details: { port: 4 } },
    });
    expect(performance.now() - began).toBeGreaterThan(290);
    expect((await post('/api/switch/portsinfo', ofSwitch('dbesm-0-2'))).body).toMatchObject({
      connections: [],
    });
  });
});

describe('a tray that is killed', () => {
  it.each(FAULT_POINTS)('at %s is before or after the command when it is back', async (point) => {
    const path = await registersIn(point);
    const state = join(dir, `${point}.d`);
    const config = withRegisters(path);
    const before = await startTray(state, config);
    await before.post('/api/switch/connectports', ofSwitch('dbosm-0-2', [[1, 9]]));
    const takesApart = point.startsWith('disconnect');
    if (takesApart) await before.post('/api/switch/connectports', ofSwitch('dbesm-0-2', [[0, 4]]));
    await before.daemon.stop();

    const killed = await startTray(state, config, { SDM_FAULT: point });
    const what = takesApart ? 'disconnect' : 'connect';
    const answer = await killed.post(`/api/switch/${what}ports`, ofSwitch('dbesm-0-2', [[0, 4]]));
    expect(answer.status).toBe(0);
    expect(await killed.daemon.stop()).toBeNull();

    const after = await startTray(state, config);
    const { body } = await after.post('/api/switch/portsinfo', ofSwitch('dbesm-0-2'));
    const connected = (body['connections'] as unknown[]).length === 1;
    const done = /kept|linked|renamed/.test(point);
    expect(connected).toBe(takesApart ? !done : done);
    expect((await after.post('/api/switch/portsinfo', ofSwitch('dbosm-0-2'))).body).toMatchObject({
      connections: [[1, 9]],
    });
    // and the links are what the ports are
    await waitFor(
      'its links',
      () => (String(links(path)) === String([connected, true, true, true]) ? true : undefined),
      WAIT,
    );
    // the command may be done again
    const again = await after.post(`/api/switch/${what}ports`, ofSwitch('dbesm-0-2', [[0, 4]]));
    expect(again).toMatchObject({ status: 200, body: { ports: takesApart ? [] : [[0, 4]] } });
    expect(links(path)[0]).toBe(!takesApart);
  });

  it('keeps power and boot source, and refuses a state that is damaged', async () => {
    const state = join(dir, 'kept.d');
    const one = await startTray(state);
    const key = { dRackId: 0, dBoxId: 2, dBrickId: 9 };
    await one.post('/api/dbrick/switchoff', key);
    await one.post('/api/dbrick/setbootsource', { ...key, path: '/dev/sda' });
    await one.daemon.stop('SIGKILL');
    const two = await startTray(state);
    expect((await two.post('/api/dbrick/info', key)).body).toMatchObject({
      isOn: false,
      bootSource: '/dev/sda',
    });
    await two.daemon.stop();
    writeFileSync(join(state, 'state/board.json'), '{"version":1,"bricks":{}');
    await expect(startTray(state)).rejects.toMatchObject({
      details: { log: [expect.stringContaining('SDM_BOARD_STATE')] },
    });
  });

  it('keeps what thirty-two clients were told at once', async () => {
    const state = join(dir, 'many.d');
    const one = await startTray(state);
    const told: number[][] = [];
    const all = Array.from({ length: 32 }, async (_, i) => {
      const { status } = await one.post(
        '/api/switch/connectports',
        ofSwitch('dbesm-0-2', [[i, 63]]),
      );
      if (status === 200) told.push([i, 63]);
      if (told.length === 20) one.daemon.process.kill('SIGKILL');
    });
    await Promise.all(all);
    const two = await startTray(state);
    const { body } = await two.post('/api/switch/portsinfo', ofSwitch('dbesm-0-2'));
    expect(body['connections']).toEqual(expect.arrayContaining(told));
  });
});

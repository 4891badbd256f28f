import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromBuffer } from '../../src/abi/codec.js';
import { HttpClient } from '../../src/common/http-client.js';
import { waitFor } from '../../src/common/wait.js';
import { parseTopology } from '../../src/controller/inventory/topology-file.js';
import {
  certificateEntries,
  prepareControl,
  rackDaemons,
  startController,
  startLendersAndTray,
  stopControl,
} from '../../src/rack/control/index.js';
import { daemonProcesses } from '../../src/rack/control/daemon.js';
import { rackTopology } from '../../src/rack/control/topology.js';
import { rackLayout, type RackLayout } from '../../src/rack/layout.js';
import { LENDERS, planRack, SHARE_STEP } from '../../src/rack/plan.js';
import { createPool } from '../../src/rack/pool.js';
import { signalProcess } from '../../src/rack/process.js';
import { createRegisters } from '../../src/rack/registers.js';
import { makePrivateDir, writeState, type RackState } from '../../src/rack/state.js';
import { rackStatus } from '../../src/rack/status.js';
import { scratchDir } from '../support/scratch.js';

const dir = scratchDir('rack-control');
const plan = planRack({ bricks: 1, poolSize: 1n << 30n, controller: true });

describe('what memory bricks have of a pool', () => {
  it('is whole segments behind what bricks keep, and nothing of it twice', () => {
    for (const bricks of [1, 2, 5, 14]) {
      const { lenders, shares, sharedShare, poolSize } = planRack({ bricks, controller: true });
      const all = [sharedShare, ...shares, ...lenders];
      for (const [i, { start, size }] of all.entries()) {
        const before = all[i - 1];
        if (before !== undefined) expect(start).toBe(before.start + before.size);
        if (i > 0) expect([start % SHARE_STEP, size % SHARE_STEP]).toEqual([0n, 0n]);
        expect(start + size).toBeLessThanOrEqual(poolSize);
      }
      expect(lenders).toHaveLength(LENDERS);
    }
    expect(() => planRack({ bricks: 15, controller: true })).toThrow(/room for 14/);
    expect(planRack({ bricks: 3 }).lenders).toEqual([]);
  });
});

describe('the topology of a rack that is made', () => {
  it('keeps to its schema, of one box and of several', () => {
    for (const count of [1, 3]) {
      const boxes = Array.from({ length: count }, (_, box) => ({
        compute: [{ cores: 4, memory: 1n << 30n }],
        memory: [{ base: BigInt(box) << 32n, segments: 8 }],
      }));
      const topology = rackTopology({ name: 'r', segmentSize: 1n << 27n, boxes });
      expect(parseTopology(JSON.stringify(topology)).racks[0]!.boxes).toHaveLength(count);
    }
  });
});

describe('the daemons of a rack with a controller', () => {
  let layout: RackLayout;
  let state: RackState;

  beforeAll(async () => {
    layout = rackLayout('t', join(dir, 'racks'), join(dir, 'shm'));
    mkdirSync(join(dir, 'shm'));
    makePrivateDir(layout.dir);
    await createPool(layout, plan.poolSize);
    await createRegisters(layout.registers(1), plan.poolSize);
    const control = await prepareControl(layout, plan);
    state = {
      ...{ version: 1, name: 't', phase: 'running', created: new Date().toISOString() },
      ...{ poolSize: '0x40000000', memory: '0x20000000', distances: [20, 40], append: '' },
      ...{ kernel: '/none', qemu: 'stock', control },
      bricks: [{ n: 1, name: 't-brick1', sshPort: 9, agentPort: 9, id: '0.0.0', shares: [] }],
    };
    writeState(layout, state);
    await startLendersAndTray(layout, state);
    await startController(layout, state);
  }, 120_000);
  afterAll(async () => {
    await stopControl(layout, LENDERS);
    rmSync(layout.dir, { recursive: true });
  });

  it('are shown, and answer', async () => {
    const { daemons } = await rackStatus(layout);
    expect(daemons).toMatchObject([
      { name: 'controller', state: 'running', address: state.control!.controller, brick: null },
      { name: 'dbmc', state: 'running', address: state.control!.dbmc, brick: null },
      { name: 'lender-1', state: 'running', brick: '0.0.1' },
      { name: 'lender-2', state: 'running', brick: '0.0.2' },
    ]);
    const client = new HttpClient(state.control!.controller);
    const segments = plan.lenders.reduce((sum, { size }) => sum + Number(size / SHARE_STEP), 0);
    expect(await client.call('GET', '/v1/totals')).toMatchObject({
      segments,
      segmentsFree: segments,
    });
    client.close();
  });

  it("have taken the brick's links down, and given it a certificate of its own", async () => {
    await waitFor(
      'its links to be down',
      () => {
        const { linkStatus } = fromBuffer(readFileSync(layout.registers(1))).header;
        return (linkStatus & 0xfn) === 0n ? true : undefined;
      },
      { timeoutMs: 20_000 },
    );
    const entries = certificateEntries(layout, 1);
    expect(entries.map(({ path, mode }) => [path, mode])).toEqual([
      ['/brick/pki', 0o700],
      ...['cert.pem', 'key.pem', 'ca.pem', 'revoked.json'].map((name) => [
        `/brick/pki/${name}`,
        0o600,
      ]),
    ]);
  });

  it('are shown as dead where one was killed, and end together', async () => {
    const [, dbmc] = rackDaemons(layout, LENDERS);
    for (const process of daemonProcesses(dbmc!)) signalProcess(process, 'SIGKILL');
    await waitFor(
      'its end to be shown',
      async () =>
        (await rackStatus(layout)).daemons.find(
          ({ name, state: is }) => name === 'dbmc' && is === 'dead',
        ),
      { timeoutMs: 20_000 },
    );
    await stopControl(layout, LENDERS);
    expect(rackDaemons(layout, LENDERS).flatMap(daemonProcesses)).toEqual([]);
    await stopControl(layout, LENDERS);
  });
});

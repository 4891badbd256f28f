import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attachment, Memory } from '../../src/agent/api/schemas.js';
import { exchange } from '../../src/common/http.js';
import { waitFor } from '../../src/common/wait.js';
import type { Rack } from '../../src/rack/index.js';
import {
  COMMAND_MS,
  expectCleanKernelLog,
  inBrick,
  poolIsZero,
  setMemports,
  testRack,
} from '../support/rack.js';

const MIB = 1n << 20n;
/** Two memory blocks. */
const SIZE = 256n * MIB;
const POLICY = '/sys/devices/system/memory/auto_online_blocks';

/**
 * In the order in which an attach comes by, up to where it is in use. One between any two things
 * that it does: in a brick, what lies after one step and before the next is the same place. The
 * whole list is gone through in processes (test/agent/reconcile/).
 */
const UP = [
  ...['attach.journalled', 'up.program.after', 'up.claim.after'],
  ...['policy.noted', 'policy.off', 'policy.added', 'up.add.after', 'attach.rest'],
];
/** The same of a detach, after it was announced. */
const DOWN = [
  ...['online', 'add', 'scrub', 'flush', 'claim', 'program'].map((stage) => `down.${stage}.after`),
  'detach.forgotten',
];

let rack: Rack;
let directory: string;
let socketPath: string;
let forward: ChildProcess | undefined;

beforeAll(async () => {
  rack = await testRack('reconcile', { bricks: 1, append: 'sdm.agent=no' });
  directory = mkdtempSync(join(tmpdir(), 'sdm-reconcile-'));
  socketPath = join(directory, 'agent.sock');
  const options = ['-N', '-o', 'ControlPath=none', '-L', `${socketPath}:/run/sdm/agent.sock`];
  const [program, ...args] = rack.sshArgv(1, '', options);
  forward = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await waitFor('the forwarded socket', () => (existsSync(socketPath) ? true : undefined), {
    timeoutMs: COMMAND_MS,
  });
});
afterAll(async () => {
  forward?.kill();
  rmSync(directory, { recursive: true, force: true });
  await rack?.down();
});

/** The agent in the brick, as a child of the test's. */
interface GuestAgent {
  readonly ended: Promise<unknown>;
  kill(): Promise<void>;
}

/**
 * Starts the agent in the brick, to be killed at a point, and waits until it is ready or ends.
 * @returns undefined: it ended before it was ready.
 */
async function start(fault = ''): Promise<GuestAgent | undefined> {
  const command =
    `SDM_FAULT=${fault} exec /opt/sdm/bin/sdm-agent serve --config /etc/sdm/agent.json ` +
    '2>>/var/log/sdm-agent.log';
  const [program, ...args] = rack.sshArgv(1, command);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const signal = AbortSignal.timeout(COMMAND_MS);
  const ready = once(createInterface({ input: child.stdout }), 'line', { signal });
  const first = await Promise.race([ready, ended.then(() => undefined)]);
  if (first === undefined) {
    ready.catch(() => {});
    return undefined;
  }
  const { pid } = JSON.parse(first[0] as string) as { pid: number };
  const kill = async (): Promise<void> => {
    await inBrick(rack, 1, `kill -9 ${pid}`);
    await ended;
  };
  return { ended, kill };
}

async function started(fault = ''): Promise<GuestAgent> {
  const agent = await start(fault);
  if (agent !== undefined) return agent;
  throw new Error(`no agent:\n${await inBrick(rack, 1, 'tail -n 20 /var/log/sdm-agent.log')}`);
}

async function ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T> {
  const answer = await exchange({ socketPath, method, path, body, timeoutMs: COMMAND_MS });
  expect(answer).toMatchObject({ status: expect.toSatisfy((status: number) => status < 300) });
  return answer.body as T;
}

const attach = (more: object = {}): Promise<Attachment> =>
  ask('POST', '/v1/attachments', { id: 'v', size: `0x${SIZE.toString(16)}`, ...more });
const detach = (id: string): Promise<Attachment> => ask('DELETE', `/v1/attachments/${id}`);
const list = async (): Promise<Attachment[]> =>
  (await ask<{ attachments: Attachment[] }>('GET', '/v1/attachments')).attachments;
const memory = (): Promise<Memory> => ask('GET', '/v1/memory');

/** A command that the agent does not live to answer. */
async function die(agent: GuestAgent, command: () => Promise<unknown>): Promise<void> {
  await expect(command()).rejects.toMatchObject({ code: 'SDM_UNREACHABLE' });
  await agent.ended;
}

/** Nothing is left: not in the registers, the module or the kernel. */
async function expectNothing(): Promise<void> {
  expect(await list()).toEqual([]);
  expect(setMemports(rack, 1)).toEqual([]);
  const { module, nodes, autoOnline } = await memory();
  expect(module).toMatchObject({ state: 'ok', regions: [] });
  expect(nodes.filter(({ totalBytes }) => totalBytes !== '0x0').map(({ node }) => node)).toEqual([
    0,
  ]);
  expect(autoOnline).toBe('online');
}

describe('an agent that is killed in a brick, and started again', () => {
  it('at every point of an attach: nothing is left of it', async () => {
    await inBrick(rack, 1, `echo online > ${POLICY}`);
    for (const point of UP) {
      const agent = await started(point);
      await expectNothing();
      await die(agent, attach);
    }
    const last = await started();
    await expectNothing();
    await last.kill();
  });

  it('while memory is attached: it stays in use, also without an agent', async () => {
    const dying = await started('attach.rested');
    await die(dying, attach);
    const fill = `memfill --node 1 --size ${SIZE / 2n}`;
    await inBrick(rack, 1, `${fill} --seed 1`);

    const agent = await started();
    const [kept] = await list();
    expect(kept).toMatchObject({ id: 'v', state: 'online', node: 1 });
    expect(await attach()).toEqual(kept);
    expect(setMemports(rack, 1)).toHaveLength(1);
    expect((await memory()).module.regions).toHaveLength(1);

    const shared = await attach({
      ...{ id: 's', mode: 'device', shared: true, size: '0x2000000', remote: '0x2000000' },
    });
    const device = `memfill --device ${shared.device?.path} --offset ${shared.device?.offset}`;
    await inBrick(rack, 1, `${device} --size 32M --seed 2 --write`);
    await agent.kill();
    await inBrick(rack, 1, `${fill} --seed 3 && ${device} --size 32M --seed 2 --check`);

    const next = await started();
    expect(await list()).toEqual([kept, shared]);
    expect((await detach('s')).state).toBe('free');
    expect(await poolIsZero(rack, 0x2000000n, 32n * MIB)).toBe(false);
    expect(await poolIsZero(rack, BigInt(kept!.remote), SIZE)).toBe(false);
    await next.kill();
  });

  it('at every point of a detach, each time that it goes on with it: it is completed', async () => {
    const agent = await started('detach.journalled');
    const [kept] = await list();
    await die(agent, () => detach('v'));
    for (const point of DOWN) {
      expect([point, await start(point)]).toEqual([point, undefined]);
      // the memport is the last to go
      const cleared = DOWN.indexOf(point) >= DOWN.indexOf('down.program.after');
      expect([point, setMemports(rack, 1).length]).toEqual([point, cleared ? 0 : 1]);
    }
    const last = await started();
    await expectNothing();
    expect(await poolIsZero(rack, BigInt(kept!.remote), SIZE)).toBe(true);
    const again = await attach();
    expect(again).toMatchObject({ state: 'online', remote: kept!.remote });
    expect((await detach('v')).state).toBe('free');
    await last.kill();
    await expectCleanKernelLog(rack, 1);
  });
});

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { native } from '../../../src/native/index.js';
import { makeBrick, sdmAgent, type Brick, type BrickOptions } from '../../support/agent.js';

// Processes take their time on a busy machine; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const bricks: Brick[] = [];
afterEach(async () => {
  await Promise.all(bricks.splice(0).map((brick) => brick.remove()));
});

async function brickOf(options?: BrickOptions): Promise<Brick> {
  const brick = await makeBrick(options);
  bricks.push(brick);
  return brick;
}

const attachOf = (body: object) =>
  ({ method: 'POST', path: '/v1/attachments', body: { mode: 'device', ...body } }) as const;

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within 20 s`);
  }
}

describe('the path of the socket', () => {
  it('that is a file is left alone and refused', async () => {
    const brick = await brickOf();
    mkdirSync(dirname(brick.socket), { recursive: true });
    writeFileSync(brick.socket, 'mine');
    const { code, stderr } = await sdmAgent(['serve', '--config', brick.config]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/SDM_CONFIG: .*is not a socket/);
    expect(statSync(brick.socket).isFile()).toBe(true);
    const list = await brick.run('list');
    expect(list).toMatchObject({ code: 3, stderr: expect.stringContaining('this is no socket') });
  });

  it('on which an agent answers is refused, and that agent goes on', async () => {
    const brick = await brickOf();
    const other = await brickOf();
    await brick.start();
    const { code, stderr } = await sdmAgent([
      ...['serve', '--config', other.config, '--socket', brick.socket],
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain(`SDM_RUNNING: a daemon already answers on ${brick.socket}`);
    expect((await brick.ask({ path: '/healthz' })).status).toBe(200);
  });

  it('that a killed agent left is taken over', async () => {
    const brick = await brickOf();
    await (await brick.start()).stop('SIGKILL');
    expect(existsSync(brick.socket)).toBe(true);
    expect((await brick.run('list')).stderr).toMatch(/its daemon is dead.*ECONNREFUSED/);
    const again = await brick.start();
    expect(again.log()).toContain('removed the socket');
    expect((await brick.run('list')).code).toBe(0);
  });

  it('may be used by owner and group only', async () => {
    const brick = await brickOf({ config: { socketGroup: '1' } });
    await brick.start();
    const { mode, gid } = statSync(brick.socket);
    expect([mode & 0o777, gid]).toEqual([0o660, 1]);
    expect(statSync(dirname(brick.socket)).mode & 0o777).toBe(0o755);
  });

  it('is not made where its group does not exist, and the doctor agrees', async () => {
    const brick = await brickOf({ config: { socketGroup: 'no-such-group' } });
    const { code, stderr } = await sdmAgent(['serve', '--config', brick.config]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /SDM_CONFIG: .*no group "no-such-group".*groupadd --system no-such-group/,
    );
    expect(existsSync(brick.socket)).toBe(false);
    const { stdout } = await sdmAgent(['doctor', '--config', brick.config, '--json']);
    const { findings } = JSON.parse(stdout) as { findings: object[] };
    const command = 'groupadd --system no-such-group';
    expect(findings).toContainEqual(
      expect.objectContaining({ id: 'socket-group', level: 'problem', command }),
    );
  });
});

describe('two agents with registers of their own that want one socket at once', () => {
  it('are never both there, and the one that is answers', { timeout: 240_000 }, async () => {
    const one = await brickOf({ config: { brick: 'one' } });
    const two = await brickOf({ config: { brick: 'two', socket: one.socket } });
    for (let round = 0; round < 20; round += 1) {
      // From the second round on there is the socket of one that was killed, for both to remove.
      const starts = await Promise.allSettled([one.start(), two.start()]);
      const serving = starts.flatMap((start) =>
        start.status === 'fulfilled' ? [start.value] : [],
      );
      const refused = starts.flatMap((start) =>
        start.status === 'rejected' ? [String(start.reason)] : [],
      );
      expect(refused).toEqual([expect.stringContaining('SDM_RUNNING: a daemon already answers')]);
      expect(serving).toHaveLength(1);
      const winner = starts[0].status === 'fulfilled' ? 'one' : 'two';
      expect((await one.ask({ path: '/v1/brick' })).body).toMatchObject({ brick: winner });
      await serving[0]!.stop('SIGKILL');
    }
  });
});

describe('one register block', () => {
  it('has one agent, and so has a state directory', async () => {
    const brick = await brickOf();
    await brick.start();
    const second = join(brick.dir, 'second.json');
    const config = JSON.parse(readFileSync(brick.config, 'utf8')) as { stateDir: string };
    const socket = join(brick.dir, 'second.sock');
    const other = join(brick.dir, 'second-state');
    for (const [stateDir, expected] of [
      [other, brick.registers],
      [config.stateDir, `SDM_LOCKED: another agent uses the state directory ${config.stateDir}`],
    ] as const) {
      writeFileSync(second, JSON.stringify({ ...config, stateDir, socket }));
      const { code, stderr } = await sdmAgent(['serve', '--config', second]);
      expect(code).toBe(1);
      expect(stderr).toContain(expected);
      expect((await brick.run('list')).code).toBe(0);
    }
  });

  it('whose lock comes before any change of the socket', async () => {
    const brick = await brickOf();
    const agent = await brick.start();
    await agent.stop('SIGKILL');
    const left = statSync(brick.socket).ino;
    const holder = native.openRegisters({ path: brick.registers });
    try {
      const { code, stderr } = await sdmAgent(['serve', '--config', brick.config]);
      expect(code).toBe(1);
      expect(stderr).toContain('SDM_BLOCK_LOCKED');
      expect(statSync(brick.socket).ino).toBe(left);
    } finally {
      holder.close();
    }
  });
});

describe('clients', () => {
  it('that send 10 MB are refused, and the agent goes on', async () => {
    const brick = await brickOf();
    await brick.start();
    const body = { size: '0x200000', id: 'x'.repeat(10_000_000) };
    const answer = await brick.ask(attachOf(body));
    expect(answer).toMatchObject({ status: 413, body: { code: 'SDM_TOO_LARGE' } });
    expect((await brick.ask({ path: '/v1/attachments' })).body).toEqual({ attachments: [] });
  });

  it('that go away while their command runs leave it to be finished', async () => {
    const brick = await brickOf();
    await brick.start();
    const body = JSON.stringify(attachOf({ id: 'left', size: '0x200000' }).body);
    const socket = await open(brick.socket);
    await new Promise<void>((resolve) => {
      socket.write(
        'POST /v1/attachments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
          `Content-Length: ${body.length}\r\n\r\n${body}`,
        () => resolve(),
      );
    });
    socket.destroy();
    await until('the attachment is there', async () => {
      const { status, body: found } = await brick.ask({ path: '/v1/attachments/left' });
      return status === 200 && (found as { state: string }).state === 'present';
    });
    expect((await brick.run('detach', 'left')).code).toBe(0);
    expect(brick.setMemports()).toEqual([]);
  });
});

describe('stopping', () => {
  it('finishes the running command, keeps what is attached, removes the socket', async () => {
    const brick = await brickOf();
    const agent = await brick.start();
    await brick.ask(attachOf({ id: 'stays', size: '0x200000' }));
    await brick.ask(attachOf({ id: 'goes', size: '0x10000000' }));
    const detaching = brick.ask({ method: 'DELETE', path: '/v1/attachments/goes' });
    await until('the detach runs', async () => {
      const { status, body } = await brick.ask({ path: '/v1/attachments/goes' });
      return status === 404 || (body as { state: string }).state !== 'present';
    });
    expect(await agent.stop()).toBe(0);
    expect(await detaching).toMatchObject({ status: 200, body: { state: 'free' } });
    expect(existsSync(brick.socket)).toBe(false);
    expect(brick.setMemports()).toHaveLength(1);
  });

  it('takes SIGINT for the same', async () => {
    const brick = await brickOf();
    expect(await (await brick.start()).stop('SIGINT')).toBe(0);
  });

  it('does not wait for connections that only lie there', async () => {
    const brick = await brickOf();
    const agent = await brick.start();
    const socket = await open(brick.socket);
    expect(await agent.stop()).toBe(0);
    socket.destroy();
  });
});

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.on('error', reject);
  });
}

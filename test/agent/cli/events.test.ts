import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Event } from '../../../src/agent/api/event-schema.js';
import { eventText } from '../../../src/cli/agent/events.js';
import { setLink } from '../../../src/rack/registers.js';
import { makeBrick, sdmAgent, type Brick } from '../../support/agent.js';
import { EventReader } from '../../support/events.js';

// Processes take their time on a busy machine; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const BIN = resolve(import.meta.dirname, '../../../bin/sdm-agent');

let brick: Brick;
const followers: Follower[] = [];
afterEach(async () => {
  await Promise.all(followers.splice(0).map((follower) => follower.stop()));
  await brick?.remove();
});

/** `sdm-agent events -f`, read line by line; the test's own timeout is the deadline. */
class Follower {
  readonly #child;
  readonly #out: AsyncIterator<string>;
  readonly #err: AsyncIterator<string>;

  constructor(...args: readonly string[]) {
    const env = { ...process.env, SDM_AGENT_SOCKET: brick.socket };
    this.#child = spawn(BIN, ['events', '-f', ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    const lines = (input: NodeJS.ReadableStream): AsyncIterator<string> =>
      (createInterface({ input }) as Interface)[Symbol.asyncIterator]();
    this.#out = lines(this.#child.stdout);
    this.#err = lines(this.#child.stderr);
    followers.push(this);
  }

  async line(): Promise<string> {
    const { value, done } = await this.#out.next();
    if (done === true) throw new Error(`it ended: ${await this.complaint()}`);
    return value;
  }

  async event(): Promise<Event> {
    return JSON.parse(await this.line()) as Event;
  }

  /** A line on stderr; empty at its end. */
  async complaint(): Promise<string> {
    return ((await this.#err.next()).value as string | undefined) ?? '';
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill();
    await exit;
  }
}

/** Lets something happen on the brick, and waits until the agent has seen it. */
async function flip(transceiver: number, up: boolean, after?: string): Promise<string> {
  const reader = new EventReader(brick.socket, after);
  await setLink(brick.registers, transceiver, up);
  for (;;) {
    const event = await reader.next('link');
    if (event.transceiver !== transceiver || event.up !== up) continue;
    await reader.close();
    return event.event;
  }
}

describe('a link in one line', () => {
  const link = { kind: 'link', event: '1-1', time: 'T', transceiver: 0, attachments: [] } as const;

  it.each([
    [{ up: false, downs: '0x0' }, 'T  link 0 is down'],
    [{ up: false, downs: '0x1' }, 'T  link 0 is down, went down once so far'],
    [{ up: true, downs: '0x2' }, 'T  link 0 is up, went down 2 times so far'],
  ])('%j', (is, text) => expect(eventText({ ...link, attachments: [], ...is })).toBe(text));
});

describe('events', () => {
  it('refuses an id that no event has', async () => {
    brick = await makeBrick();
    const { code, stderr } = await brick.run('events', '--after', 'x');
    expect(code).toBe(2);
    expect(stderr).toMatch(/SDM_USAGE.*1f2e3d4c-17/);
  });

  it('ends with 3 where no agent answers, also when it is to follow', async () => {
    brick = await makeBrick();
    for (const args of [['events'], ['events', '-f']]) {
      const { code, stdout, stderr } = await brick.run(...args);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toMatch(/^sdm-agent: SDM_UNREACHABLE: .*no such socket.*\n$/);
    }
  });

  it('prints what there is, for people and for programs, or what came after an id', async () => {
    brick = await makeBrick({ config: { linkPollMs: 20 } });
    await brick.start();
    const id = await flip(1, false);
    await flip(1, true, id);

    const people = await brick.run('events');
    expect(people.code).toBe(0);
    expect(people.stdout).toMatch(
      /^\S+Z {2}link 1 is down, went down once so far\n\S+Z {2}link 1 is up, went down once so far$/m,
    );
    const programs = await brick.run('events', '--json', '--after', id);
    const lines = programs.stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as Event)).toEqual([
      expect.objectContaining({ kind: 'link', transceiver: 1, up: true, downs: '0x1' }),
    ]);
    const none = await brick.run('events', '--after', (JSON.parse(lines[0]!) as Event).event);
    expect(none).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('that nobody reads to the end are no failure', async () => {
    brick = await makeBrick({ config: { linkPollMs: 20 } });
    await brick.start();
    await flip(1, false);
    const child = spawn('sh', ['-c', `"${BIN}" events -f | head -n 1; exit $?`], {
      env: { ...process.env, SDM_AGENT_SOCKET: brick.socket },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (text) => (stderr += String(text)));
    const exit = once(child, 'close');
    // head has ended: the next line has no reader
    await once(child.stdout, 'data');
    await flip(1, true);
    expect(await exit).toEqual([0, null]);
    expect(stderr).toBe('');
  });
});

describe('events --follow', () => {
  it('goes on over a restart of the agent, and says what is missing', async () => {
    brick = await makeBrick({ config: { linkPollMs: 20 } });
    const first = await brick.start();
    const id = await flip(1, false);
    const follower = new Follower('--json', '--after', id);
    await flip(1, true, id);
    expect(await follower.event()).toMatchObject({ kind: 'link', up: true });

    await first.stop('SIGKILL');
    expect(await follower.complaint()).toMatch(/SDM_UNREACHABLE.*trying again until it answers/);
    await brick.start();
    expect(await follower.complaint()).toBe('sdm-agent: the agent answers again');
    expect(await follower.event()).toMatchObject({ kind: 'gap', reason: 'restarted' });
    await flip(1, false);
    for (;;) {
      const event = await follower.event();
      if (event.kind === 'link') {
        expect(event).toMatchObject({ up: false, downs: '0x2' });
        break;
      }
    }
  });

  it('does not keep the agent from stopping', async () => {
    brick = await makeBrick({ config: { linkPollMs: 20 } });
    const agent = await brick.start();
    await flip(1, false);
    const follower = new Follower();
    expect(await follower.line()).toContain('agent started: nothing was attached');
    expect(await follower.line()).toContain('link 1 is down, went down once so far');
    expect(await agent.stop()).toBe(0);
    expect(await follower.complaint()).toContain('trying again');
    // seen by the log: the stream was ended, not waited for
    expect(agent.log()).toContain('"msg":"stopped"');
  });

  it('ends for what will be refused again', async () => {
    brick = await makeBrick();
    await brick.start();
    const { code, stderr } = await sdmAgent([
      ...['events', '-f', '--after', `00000000-${'9'.repeat(16)}`, '--socket', brick.socket],
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('SDM_USAGE');
  });
});

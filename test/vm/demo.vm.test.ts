import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { listRacks, openRack } from '../../src/rack/index.js';
import { builtQemu, findQemu } from '../../src/rack/qemu-binary.js';
import { BUILD_MS } from '../support/patched.js';

const NAME = `t-demo-${process.pid}`;
const DEMO_MS = 300_000;
/** With what is looked at when it has ended. */
const MAIN_JOB_MS = DEMO_MS + 60_000;
/** It shows more, and takes as long again on a machine that has much to do. */
const PATCHED_DEMO_MS = 600_000;

interface Run {
  readonly child: ChildProcess;
  /** Resolves when the output so far matches; rejects at the deadline or at the end. */
  saw(pattern: RegExp): Promise<void>;
  readonly ended: Promise<{ code: number | null; output: string }>;
}

/** Starts the demo in a process group of its own, as a shell would. */
function demo(...args: string[]): Run {
  return demoWithin(DEMO_MS, ...args);
}

function demoWithin(timeoutMs: number, ...args: string[]): Run {
  const child = spawn('npm', ['run', '--silent', 'demo', '--', '--name', NAME, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const watch of watchers) watch();
    });
  }
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    const deadline = setTimeout(() => process.kill(-child.pid!, 'SIGTERM'), timeoutMs);
    child.on('close', (code, signal) => {
      clearTimeout(deadline);
      // npm ends by the signal itself, which a shell shows as 130.
      resolve({ code: signal === 'SIGINT' ? 130 : code, output });
    });
  });
  const saw = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const watch = (): void => {
        if (!pattern.test(output)) return;
        watchers.delete(watch);
        resolve();
      };
      watchers.add(watch);
      watch();
      void ended.then(() => reject(new Error(`it ended without ${pattern}:\n${output}`)));
    });
  return { child, saw, ended };
}

function expectNothingLeft(): void {
  expect(listRacks().map((rack) => rack.name)).not.toContain(NAME);
  expect(existsSync(`/dev/shm/sdm-${process.getuid?.()}-${NAME}`)).toBe(false);
  const commands = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => commandLine(pid));
  const left = /qemu-system|sdm-(agent|dbmc|controller)/;
  expect(commands.filter((line) => left.test(line) && line.includes(`/${NAME}/`))).toEqual([]);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}

afterEach(async () => {
  if (listRacks().some((rack) => rack.name === NAME)) await openRack(NAME).down();
});

describe('npm run demo', () => {
  it.each([
    [['--bricks', '0'], /brick/],
    [['--size', '100M'], /multiple of 128 MiB/],
    // what lenders have is split evenly between the bricks
    [['--size', '100G'], /up to 1792 MiB/],
    [['--size', '1920M', '--qemu', 'patched'], /up to 1792 MiB/],
    [['--bricks', '15'], /room for 14/],
  ])('says what is wrong with %j before anything is booted', async (args, message) => {
    const { code, output } = await demo(...args).ended;
    expect({ code, output }).toMatchObject({ code: 2, output: expect.stringMatching(message) });
    expect(output).not.toContain('Boot ');
    expectNothingLeft();
  });

  it('explains its options', async () => {
    const { code, output } = await demo('--help').ended;
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('1 GiB') });
  });

  it(
    'shows the main job, brick by brick, and with --keep leaves the bricks up',
    async () => {
      const { code, output } = await demo('--keep', '--size', '256M').ended;
      expect(output).toMatch(
        new RegExp(
          [1, 2]
            .map(
              (n) =>
                `Brick ${n}\\n.*\\$ sdm platform create .*--remote 256MiB --brick 0.0.${n - 1} .*` +
                `platform [12] is active.*is online: memport 0 .*lent by 0.0.[23].*pages of node 1.*`,
            )
            .join(''),
          's',
        ),
      );
      expect(output).toMatch(/all \d+ pages of brick 1 are in the pool file/);
      expect(output).toMatch(/all \d+ pages of brick 2 are in the pool file/);
      expect(output.match(/see that its range reads zero {2}\d/g)).toHaveLength(2);
      expect(output.match(/all 14 segments of 0\.0\.[23] are clean/g)).toHaveLength(2);
      expect(output).toMatch(/step \(emulated machines\) +brick 1, ms +brick 2, ms/);
      expect(code).toBe(0);

      expect(output).toContain(`npx sdm rack ssh --name ${NAME} 1 `);
      const rack = openRack(NAME);
      const { state, daemons } = await rack.status();
      expect(state).toBe('running');
      expect(daemons.map(({ name, state: is }) => [name, is])).toEqual(
        ['controller', 'dbmc', 'lender-1', 'lender-2'].map((name) => [name, 'running']),
      );
      expect(await rack.exec(1, 'hostname')).toMatchObject({ code: 0, stdout: `${NAME}-brick1\n` });
      await rack.down();
      expectNothingLeft();
    },
    MAIN_JOB_MS,
  );

  it(
    'shows on our QEMU that memports translate, and that nothing else is reached',
    async () => {
      // what takes long must not count as the demo's time
      if ((await findQemu('patched')) === undefined) await builtQemu({});
      const { code, output } = await demoWithin(
        PATCHED_DEMO_MS,
        ...['--qemu', 'patched', '--size', '128M'],
      ).ended;
      const [, ...tables] = output.split('✓ attach 3 parts of the pool');
      const places = tables.map((table) => {
        const rows = [...table.split('✓')[0]!.matchAll(/^ +(0x\w+)-\w+ +(0x\w+)-\w+$/gm)];
        return rows.map(([, start, remote]) => ({
          start: BigInt(start!),
          remote: BigInt(remote!),
        }));
      });
      expect(
        places.map((rows) => rows.length),
        output,
      ).toEqual([3, 3]);
      const [one, two] = places.map((rows) => rows.at(-1)!);
      expect(one!.remote).toBe(two!.remote);
      expect(one!.start).not.toBe(two!.start);
      // neighbours here, and not there
      for (const [first, second] of places) {
        expect(second!.start - first!.start).toBe(32n << 20n);
        expect(second!.remote - first!.remote).not.toBe(32n << 20n);
      }
      expect(output.match(/✓ find in it what brick 1 wrote {2}\d/g)).toHaveLength(2);
      expect(output.match(/at 0x\w+ a program ends with SIGBUS/g)).toHaveLength(2);
      expect(output.match(/see that its range reads zero {2}\d/g)).toHaveLength(2);
      expect(code).toBe(0);
      expectNothingLeft();
    },
    BUILD_MS,
  );

  it('keeps the logs where it fails, and says where', async () => {
    const run = demo('--bricks', '1');
    await run.saw(/✓ Boot 1 brick /);
    // It looks at memory first; with ports that do not connect, the platform is refused.
    const { dbmc = '' } = openRack(NAME).state().control ?? {};
    const faults = [0, 1, 2, 3].map((port) => ({ kind: 'port', switch: 'dbesm-0-0', port }));
    const answer = await fetch(`${dbmc}/v1/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ faults }),
    });
    expect(answer.status).toBe(200);
    const { code, output } = await run.ended;
    expect({ code, output }).toMatchObject({
      code: 1,
      output: expect.stringContaining('does not connect'),
    });
    const logs = /^Logs of consoles and agents: (.*)$/m.exec(output)?.[1] ?? '';
    try {
      expect(readFileSync(join(logs, 'brick-1-console.log'), 'utf8')).toContain('sdm: brick ready');
      expect(readFileSync(join(logs, 'brick-1-agent.log'), 'utf8')).toContain('"level"');
      expect(readFileSync(join(logs, 'dbmc.log'), 'utf8')).toContain('SDM_PORT_FAULT');
    } finally {
      rmSync(logs, { recursive: true, force: true });
    }
    expectNothingLeft();
  });

  it.each([
    ['while the bricks boot', /Boot 1 brick /],
    ['while memory is attached', /is online: memport/],
  ])('leaves nothing after Ctrl-C %s', async (_when, pattern) => {
    const run = demo('--bricks', '1');
    await run.saw(pattern);
    process.kill(-run.child.pid!, 'SIGINT');
    const { code, output } = await run.ended;
    expect({ code, output }).toMatchObject({ code: 130 });
    expectNothingLeft();
  });
});

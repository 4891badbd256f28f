import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Artifacts } from '../../src/rack/artifacts/index.js';
import {
  checkRack,
  listRacks,
  openRack,
  rackDown,
  rackUp,
  type RackUpOptions,
} from '../../src/rack/index.js';
import { rackLayout } from '../../src/rack/layout.js';
import { findProcesses, identify, writeIdentity } from '../../src/rack/process.js';

/** A stand-in for QEMU: knows the way to its console's log, and then does what a test says. */
const FAKE_QEMU = `#!/bin/sh
if [ "$1" = --version ]; then echo "QEMU emulator version $FAKE_VERSION"; exit; fi
if [ "$2" = help ]; then echo "$FAKE_PARTS"; exit; fi
for argument; do
  case $argument in *,logfile=*) log=\${argument##*logfile=};; esac
done
`;

const MIB = 1n << 20n;
let scratch: string;
let shm: string;
let qemu: string;
let artifacts: Artifacts;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sdm-up-'));
  shm = join(scratch, 'shm');
  mkdirSync(shm);
  qemu = join(scratch, 'qemu');
  const file = (name: string): string => {
    writeFileSync(join(scratch, name), '');
    return join(scratch, name);
  };
  artifacts = {
    kernel: file('kernel'),
    kernelRelease: '6.12',
    kernelConfig: file('config'),
    kernelModules: scratch,
    kernelHeaders: scratch,
    modules: scratch,
    base: file('base'),
    payload: file('payload'),
    root: file('root'),
    append: ['quiet'],
  };
  vi.stubEnv('SDM_STATE', join(scratch, 'state'));
  vi.stubEnv('SDM_SHM', shm);
  vi.stubEnv('SDM_QEMU', qemu);
  vi.stubEnv('FAKE_VERSION', '7.2.0');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(scratch, { recursive: true });
});

function fakeQemu(body: string): void {
  writeFileSync(qemu, FAKE_QEMU + body);
  chmodSync(qemu, 0o700);
}

function up(options: RackUpOptions = {}): ReturnType<typeof rackUp> {
  return rackUp({ bricks: 1, poolSize: 256n * MIB, memory: 256n * MIB, artifacts, ...options });
}

function ours(): number {
  return findProcesses((argv) => argv.some((argument) => argument.startsWith(scratch))).length;
}

async function expectNothingLeft(): Promise<void> {
  expect(readdirSync(shm)).toEqual([]);
  const racks = join(scratch, 'state', 'racks');
  expect(existsSync(racks) ? readdirSync(racks) : []).toEqual([]);
  await expect.poll(ours).toBe(0);
}

describe('bringing a rack up', () => {
  it('refuses what cannot be, before it makes anything', async () => {
    fakeQemu('exit 1');
    await expect(up({ name: 'a/b' })).rejects.toMatchObject({ code: 'SDM_INPUT' });
    await expect(up({ bricks: 17 })).rejects.toMatchObject({ code: 'SDM_INPUT' });
    await expect(up({ poolSize: 1n })).rejects.toMatchObject({ code: 'SDM_INPUT' });
    vi.stubEnv('FAKE_VERSION', '6.2.0');
    await expect(up()).rejects.toMatchObject({
      code: 'SDM_RACK_QEMU',
      message: expect.stringContaining('is 6.2.0'),
    });
    vi.stubEnv('SDM_QEMU', join(scratch, 'nowhere'));
    await expect(up()).rejects.toMatchObject({
      code: 'SDM_RACK_QEMU',
      message: expect.stringContaining('qemu-system-arm'),
    });
    await expectNothingLeft();
  });

  it('is refused for want of space before anything is made or fetched', async () => {
    const huge = { bricks: 1, poolSize: 256n << 30n };
    await expect(checkRack(huge)).rejects.toMatchObject({ code: 'SDM_RACK_SPACE' });
    await expect(checkRack({ name: 'a/b' })).rejects.toMatchObject({ code: 'SDM_INPUT' });
    await checkRack({ bricks: 1, poolSize: 256n * MIB, memory: 256n * MIB });
    await expectNothingLeft();
  });

  it('says what QEMU said when it ends at once, and leaves nothing', async () => {
    fakeQemu('echo "qemu: no such machine" >&2; exit 1');
    await expect(up()).rejects.toMatchObject({
      code: 'SDM_RACK_QEMU',
      message: expect.stringContaining('qemu: no such machine'),
    });
    await expectNothingLeft();
  });

  it('ends lenders and tray where no brick comes up, and keeps their logs where asked to', async () => {
    fakeQemu(`printf 'Kernel panic - not syncing: no root\\r\\n' >"$log"; exec sleep 600`);
    await expect(
      up({ poolSize: 1024n * MIB, controller: true, keepLogs: true }),
    ).rejects.toMatchObject({ code: 'SDM_RACK_BOOT' });
    const { logsDir } = rackLayout('r0');
    expect(readdirSync(logsDir)).toEqual(
      expect.arrayContaining(['dbmc.log', 'lender-1.log', 'lender-2.log']),
    );
    expect(readFileSync(join(logsDir, 'dbmc.log'), 'utf8')).toContain('"ready"');
    rmSync(logsDir, { recursive: true });
    await expectNothingLeft();
  });

  it('shows the end of the console when a brick panics, and stops the others', async () => {
    fakeQemu(`case $log in
      *brick-2*) printf 'one\\r\\nKernel panic - not syncing: no root\\r\\n' >"$log"; exec sleep 600;;
      *) exec sleep 600;; # hangs
    esac`);
    await expect(up({ bricks: 2, poolSize: 512n * MIB })).rejects.toMatchObject({
      code: 'SDM_RACK_BOOT',
      message: expect.stringContaining('brick 2 says "Kernel panic - not syncing: no root"'),
      details: { log: ['one', 'Kernel panic - not syncing: no root'] },
    });
    await expectNothingLeft();
  });

  it('gives up at the deadline, with the end of the console', async () => {
    fakeQemu(`echo booting >"$log"; echo "$*" >${scratch}/line; exec sleep 600`);
    await expect(up({ bootTimeoutMs: 3000 })).rejects.toMatchObject({
      code: 'SDM_RACK_BOOT',
      message: expect.stringContaining('not ready within 3 s'),
      details: { log: ['booting'] },
    });
    expect(readFileSync(join(scratch, 'line'), 'utf8')).toContain(' sdm.timeout=1 ');
    await expectNothingLeft();
  });

  it('keeps logs of a start that failed where that was asked for', async () => {
    fakeQemu('echo "Kernel panic - not syncing: x" >"$log"; exec sleep 600');
    await expect(up({ keepLogs: true })).rejects.toMatchObject({ code: 'SDM_RACK_BOOT' });
    const { logsDir } = rackLayout('r0');
    expect(readFileSync(join(logsDir, 'brick-1-console.log'), 'utf8')).toContain('not syncing: x');
    rmSync(logsDir, { recursive: true });
    await expectNothingLeft();
  });

  it('leaves nothing when it is cancelled while bricks boot', async () => {
    fakeQemu('exec sleep 600');
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = (detail: string): void => {
      if (detail.includes('0 of 1')) controller.abort(reason);
    };
    await expect(up({ onProgress, signal: controller.signal })).rejects.toBe(reason);
    await expectNothingLeft();
  });

  it('takes another port when the first was taken meanwhile', async () => {
    // Refuses twice, then ends for another reason: the ports it was given are on record.
    fakeQemu(`for argument; do
        case $argument in *hostfwd=*) echo "$argument" >>${scratch}/ports;; esac
      done
      if [ $(wc -l <${scratch}/ports) -lt 3 ]; then
        echo "qemu: Could not set up host forwarding rule" >&2; exit 1
      fi
      echo "qemu: enough" >&2; exit 1`);
    await expect(up()).rejects.toMatchObject({ message: expect.stringContaining('qemu: enough') });
    const ports = readFileSync(join(scratch, 'ports'), 'utf8').trim().split('\n');
    expect(ports).toHaveLength(3);
    expect(new Set(ports).size).toBe(3);
    await expectNothingLeft();
  });

  it('lets one of two at once in', async () => {
    fakeQemu('exec sleep 600');
    const controller = new AbortController();
    const first = up({ signal: controller.signal });
    await expect.poll(() => listRacks().length).toBe(1);
    await expect(up()).rejects.toMatchObject({ code: 'SDM_RACK_BUSY' });
    controller.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    await expectNothingLeft();
  });
});

describe('bringing a rack up on a patched QEMU', () => {
  const PARTS = ['sdm-memport', 'memory-backend-remote'];

  it('refuses the one that SDM_QEMU names if it has not the devices, and names what it lacks', async () => {
    fakeQemu('exit 1');
    for (const missing of PARTS) {
      vi.stubEnv('FAKE_PARTS', [...PARTS, `${missing}-not`].filter((p) => p !== missing).join(' '));
      await expect(up({ qemu: 'patched' })).rejects.toMatchObject({
        code: 'SDM_RACK_QEMU',
        message: expect.stringMatching(`has no ${missing}, .*unset SDM_QEMU`),
        details: { missing },
      });
    }
    await expectNothingLeft();
  });

  it('makes no registers, says so in its state, and starts one device', async () => {
    vi.stubEnv('FAKE_PARTS', PARTS.join(' '));
    fakeQemu('echo "sdm: brick ready" >"$log"; exec sleep 600');
    const files: unknown[] = [];
    const controller = new AbortController();
    const onProgress = (detail: string): void => {
      if (!detail.includes('0 of 1')) return;
      const rack = openRack();
      files.push(rack.qemu, readdirSync(rack.layout.shmDir).sort());
      files.push(existsSync(rack.layout.registersLink(1)));
      expect(() => rack.registersPath(1)).toThrow(
        expect.objectContaining({
          code: 'SDM_NOT_FOUND',
          message: expect.stringContaining('monitor'),
        }),
      );
      files.push(JSON.parse(readFileSync(rack.layout.brick(1).agentJson, 'utf8')));
      controller.abort(new Error('enough'));
    };
    await expect(up({ qemu: 'patched', onProgress, signal: controller.signal })).rejects.toThrow(
      'enough',
    );
    expect(files).toEqual(['patched', ['owner', 'pool'], false, expect.any(Object)]);
    expect(files.at(-1)).not.toHaveProperty('pool');
    await expectNothingLeft();
  });
});

describe('what a crash leaves', () => {
  /** A rack's directory as an `up` that was killed leaves it, and its dead brick. */
  function wreck(name: string): void {
    const layout = rackLayout(name);
    mkdirSync(layout.brick(1).dir, { recursive: true });
    mkdirSync(layout.shmDir);
    writeFileSync(layout.pool, 'x');
    const self = identify(process.pid);
    if (self === undefined) throw new Error('this process does not run');
    // The pid is in use again, by this very process: killing by number would end the test.
    writeIdentity(layout.brick(1).pidFile, { ...self, startTicks: self.startTicks - 1 });
  }

  it('is nothing that can be used, and says so', async () => {
    await expect(rackDown('../x')).rejects.toMatchObject({ code: 'SDM_INPUT' });
    expect(() => openRack('r0')).toThrow(expect.objectContaining({ code: 'SDM_NOT_FOUND' }));
    wreck('r0');
    const rack = openRack('r0');
    expect(await rack.status()).toMatchObject({
      state: 'broken',
      bricks: [{ n: 1, state: 'dead', pid: null }],
    });
    await expect(rack.exec(1, ['true'])).rejects.toMatchObject({ code: 'SDM_RACK_STATE' });
  });

  it('goes with "down", which can be said again', async () => {
    wreck('r0');
    wreck('r1');
    writeFileSync(rackLayout('r1').stateFile, '{"version":');
    expect(await rackDown('r0')).toBe(true);
    expect(await rackDown('r0')).toBe(false);
    expect(listRacks().map((rack) => rack.name)).toEqual(['r1']);
    expect(await rackDown('r1')).toBe(true);
    await expectNothingLeft();
  });

  it('goes with "down" even when the directory was removed by hand', async () => {
    wreck('r0');
    rmSync(rackLayout('r0').dir, { recursive: true });
    mkdirSync(rackLayout('r0').shmDraft);
    expect(await rackDown('r0')).toBe(true);
    await expectNothingLeft();
  });

  it('does not keep the next "up" from making the rack', async () => {
    wreck('r0');
    fakeQemu('echo "qemu: got here" >&2; exit 1');
    await expect(up({ name: 'r0' })).rejects.toMatchObject({
      message: expect.stringContaining('qemu: got here'),
    });
    await expectNothingLeft();
  });

  it('keeps logs on request', async () => {
    wreck('r0');
    const layout = rackLayout('r0');
    writeFileSync(layout.brick(1).consoleLog, 'last words\n');
    await rackDown('r0', { keepLogs: true });
    expect(readFileSync(join(layout.logsDir, 'brick-1-console.log'), 'utf8')).toBe('last words\n');
    expect(listRacks()).toEqual([]);
    rmSync(layout.logsDir, { recursive: true });
    await expectNothingLeft();
  });
});

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, truncateSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BLOCK_MAX,
  FEATURE,
  fromBuffer,
  REG,
  type BlockImage,
  type MemportRegisters,
} from '../../src/abi/codec.js';
import { run } from '../../src/common/exec.js';
import { native } from '../../src/native/index.js';
import type { MemoryMap } from '../../src/native/types.js';
import { ensureArtifacts, writeCpio } from '../../src/rack/artifacts/index.js';
import { qemuBinary } from '../../src/rack/qemu-binary.js';
import { compileForGuest, guestProgram, KERNEL_TESTS } from '../support/guest-tests.js';
import { memoryDir } from '../support/scratch.js';

const SUITE_MS = 300_000;
/** The guest's own part of that; 10 s on an idle machine. */
const GUEST_MS = 180_000;
/** The machine's RAM. Linux is told of the lower half (mem=); the rest stands for what logic decodes. */
const RAM = { base: 0x4000_0000n, size: 0x4000_0000n };
/** As in kernel/tests/platform.dtso and platform.sh. */
const REGISTERS = 0x7fff_0000n;
const WINDOW = { base: 0x6000_0000n, size: 0x1800_0000n };
const START = WINDOW.base;
const SIZE = 0x1000_0000n;
/** Registers of a device whose interrupt is a level, and of one whose window is another's. */
const LEVEL = 0x7ffc_0000n;
const ELSEWHERE = 0x7ffb_0000n;
const REMOTE = 0x4_0000_0000n;

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /proc /sys /tmp
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
mount -t tmpfs none /tmp
exec </dev/console >/dev/console 2>&1
stty -echo
sh /tests/platform.sh /tests
echo "exit status $?"
poweroff -f
`;

/** Held in memory, since that is what QEMU's RAM is to be. */
const work = memoryDir('platform');
const ram = join(work, 'ram');
/** The registers of all devices, from those of {@link ELSEWHERE} on. */
let blocks: MemoryMap | undefined;
let qemu: ChildProcess | undefined;
/** What the guest printed. */
const output: string[] = [];
/** Registers and window, as they were in the RAM's file when the guest asked to look. */
const looks = new Map<string, { block: BlockImage; windowUsed: boolean }>();

function writeRegister(device: bigint, register: number, value: bigint): void {
  const data = Buffer.alloc(8);
  data.writeBigUInt64LE(value);
  blocks?.write(device - ELSEWHERE + BigInt(register), data);
}

/** Makes RAM with register blocks of the profile for a Zynq in it, but for the smaller window. */
async function makeRam(): Promise<void> {
  const formatted = join(work, 'registers');
  for (const [path, size] of [
    [ram, Number(RAM.size)],
    [formatted, BLOCK_MAX],
  ] as const) {
    closeSync(openSync(path, 'wx', 0o600));
    truncateSync(path, size);
  }
  native.formatRegisters(
    { path: formatted },
    {
      profile: 'zynq',
      windowBase: WINDOW.base,
      windowSize: WINDOW.size,
      granule: 0x800_0000n,
    },
  );
  blocks = native.mapMemory({
    path: ram,
    offset: ELSEWHERE - RAM.base,
    length: RAM.base + RAM.size - ELSEWHERE,
    writable: true,
  });
  for (const device of [REGISTERS, LEVEL, ELSEWHERE]) {
    blocks.write(device - ELSEWHERE, await readFile(formatted));
    if (device !== REGISTERS) writeRegister(device, REG.WINDOW_SIZE, 0x100_0000n);
  }
  writeRegister(LEVEL, REG.WINDOW_BASE, 0n);
  promiseInterrupts(true);
  writeRegister(LEVEL, REG.FEATURES, registers().readBigUInt64LE(REG.FEATURES));
}

/** Whether the logic says that it raises interrupts. */
function promiseInterrupts(on: boolean): void {
  const bit = 1n << BigInt(FEATURE.INTERRUPTS);
  const features = registers().readBigUInt64LE(REG.FEATURES);
  writeRegister(REGISTERS, REG.FEATURES, on ? features | bit : features & ~bit);
}

function registers(): Buffer {
  const bytes = Buffer.alloc(BLOCK_MAX);
  blocks?.read(REGISTERS - ELSEWHERE, bytes);
  return bytes;
}

/** The other end of the links is the host's. */
function setLink(transceiver: number, up: boolean): void {
  const bytes = registers();
  const downs = REG.LINK_DOWNS + 8 * transceiver;
  const links = bytes.readBigUInt64LE(REG.LINK_STATUS) ^ (1n << BigInt(transceiver));
  writeRegister(REGISTERS, REG.LINK_STATUS, links);
  if (!up) writeRegister(REGISTERS, downs, bytes.readBigUInt64LE(downs) + 1n);
}

/** Whether there is anything in the part of the window that becomes memory. */
async function windowUsed(): Promise<boolean> {
  const map = native.mapMemory({ path: ram, offset: START - RAM.base, length: SIZE });
  try {
    return (await map.findOther(0n)) >= 0n;
  } finally {
    map.close();
  }
}

/** What the guest asks for by a line "host: …". */
async function answer(request: string): Promise<string> {
  const [verb, name = '', state] = request.split(' ');
  if (verb === 'look')
    looks.set(name, { block: fromBuffer(registers()), windowUsed: await windowUsed() });
  else if (verb === 'link') setLink(Number(name), state === 'up');
  else if (verb === 'interrupts') promiseInterrupts(name === 'on');
  else return `cannot ${request}`;
  return 'done';
}

/** One node and its RAM, in a file that the host shares; the tree's overlay adds the other node. */
const machine = (options = ''): string[] => [
  ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
  ...['-machine', `virt${options}`, '-cpu', 'max,pauth-impdef=on', '-smp', '1', '-m', '1G'],
  ...['-object', `memory-backend-file,id=ram,size=1G,share=on,mem-path=${ram}`],
  ...['-numa', 'node,nodeid=0,cpus=0,memdev=ram'],
];

/** The machine's own device tree, with the overlay over it. */
async function makeDeviceTree(): Promise<string> {
  const [base, overlay, out] = ['virt.dtb', 'platform.dtbo', 'platform.dtb'].map((name) =>
    join(work, name),
  ) as [string, string, string];
  await run([qemuBinary(), ...machine(`,dumpdtb=${base}`)]);
  // The parent of its interrupt is the root's, which an overlay does not see.
  const source = join(KERNEL_TESTS, 'platform.dtso');
  const dtc = ['-Wno-interrupts_property', '-I', 'dts', '-O', 'dtb', '-o', overlay, source];
  await run(['dtc', ...dtc]);
  await run(['fdtoverlay', '-i', base, '-o', out, overlay]);
  return out;
}

async function makeInitrd(base: string, modules: string): Promise<string> {
  const file = (path: string, name: string) => guestProgram(`/tests/${name}`, path);
  const compiled = ['sdmtool', 'sdmctool'];
  for (const name of compiled) await compileForGuest(name, work);
  const own = writeCpio([
    { path: '/init', mode: 0o755, data: INIT },
    ...compiled.map((name) => file(join(work, name), name)),
    ...['platform.sh', 'lib.sh'].map((name) => file(join(KERNEL_TESTS, name), name)),
    ...['sdmc.ko', 'sdmc_mem.ko'].map((name) => file(join(modules, name), name)),
  ]);
  const path = join(work, 'initrd');
  await writeFile(path, Buffer.concat([await readFile(base), own]));
  return path;
}

/** Boots and serves the guest until it is off; kills it at the deadline. */
async function boot(kernel: string, initrd: string, dtb: string): Promise<void> {
  const append = 'console=ttyAMA0 quiet panic=-1 mem=512M memhp_default_state=offline';
  const args = ['-kernel', kernel, '-initrd', initrd, '-dtb', dtb, '-append', append];
  const guest = spawn(qemuBinary(), [...machine(), ...args, '-serial', 'stdio'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  qemu = guest;
  const reply = async (request: string): Promise<void> => {
    const said = await answer(request).catch((error: unknown) => `failed: ${String(error)}`);
    guest.stdin.write(`${said}\n`);
  };
  // A guest that is gone reads no answer; what it printed says why.
  guest.stdin.on('error', () => {});
  const deadline = setTimeout(() => guest.kill('SIGKILL'), GUEST_MS);
  createInterface({ input: guest.stdout }).on('line', (text) => {
    const line = text.replaceAll('\r', '');
    output.push(line);
    const request = /^host: (.*)/.exec(line)?.[1];
    if (request !== undefined) void reply(request);
  });
  await new Promise((resolve, reject) => guest.once('close', resolve).once('error', reject));
  clearTimeout(deadline);
}

beforeAll(async () => {
  const { kernel, base, modules } = await ensureArtifacts();
  await makeRam();
  await boot(kernel, await makeInitrd(base, modules), await makeDeviceTree());
}, SUITE_MS);
afterAll(() => {
  qemu?.kill('SIGKILL');
  blocks?.close();
});

describe('both modules, on a device of the device tree and the stock kernel', () => {
  it('come to the end of their tests', () => {
    const tap = output.join('\n');
    const plan = /^1\.\.(\d+)$/m.exec(tap);
    expect(plan, tap).not.toBeNull();
    expect(tap.match(/^(not )?ok \d+/gm)).toHaveLength(Number(plan?.[1]));
    expect(tap).toContain('exit status 0');
  });

  it('pass one and all', () => {
    expect(output.filter((line) => /^(not ok|Bail out!|# expected)/.test(line))).toEqual([]);
  });

  const set = (look: string): MemportRegisters[] | undefined =>
    looks.get(look)?.block.memports.filter((port) => port.set);

  it('write registers that the host reads in the memory behind them', () => {
    for (const look of ['programmed', 'used']) {
      expect(set(look)).toEqual([
        expect.objectContaining({
          start: START,
          end: START + SIZE - 1n,
          offset: REMOTE - START,
          outId: 2n,
          inId: 2n,
        }),
      ]);
    }
    expect(set('cleared')).toEqual([]);
  });

  it('make memory of the window: what a program writes is there', () => {
    expect(looks.get('programmed')?.windowUsed).toBe(false);
    expect(looks.get('used')?.windowUsed).toBe(true);
  });
});

import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { run } from '../common/exec.js';
import { hex } from '../common/units.js';
import { writeInitrd, type Artifacts, type CpioEntry } from './artifacts/index.js';
import type { RackLayout } from './layout.js';
import { brickName } from './names.js';
import { sharesOf, type RackPlan } from './plan.js';
import type { QemuKind } from './qemu-binary.js';
import { makeHostKey } from './ssh.js';

/**
 * Configuration of a brick's agent. It finds registers and pool by itself, as on hardware; what it
 * may use of the pool only the rack knows. Behind registers that translate there is no pool to find.
 */
export function agentConfig(
  rack: string,
  plan: RackPlan,
  n: number,
  qemu: QemuKind,
  override: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    brick: brickName(rack, n),
    registers: { backend: 'auto', pci: 'auto' },
    ...(qemu === 'stock' && { pool: { pci: 'auto' } }),
    shares: sharesOf(plan, n).map(({ start, size, shared }) => ({
      start: hex(start),
      size: hex(size),
      shared,
    })),
    socketGroup: 'sdm',
    ...override,
  };
}

export interface BrickFilesInput {
  readonly layout: RackLayout;
  readonly n: number;
  readonly agentConfig: Readonly<Record<string, unknown>>;
  readonly artifacts: Artifacts;
  /** More files for the guest. */
  readonly extra: readonly CpioEntry[];
  /** Size of a disk that keeps what is written to it, bytes; 0: none. */
  readonly disk: bigint;
  readonly signal: AbortSignal | undefined;
}

/** Makes a brick's directory, its host key, and its initrd with what is this brick's alone. */
export async function makeBrickFiles(input: BrickFilesInput): Promise<void> {
  const { layout, n } = input;
  const brick = layout.brick(n);
  mkdirSync(brick.dir, { mode: 0o700 });
  for (const [link, target] of brick.socketLinks) symlinkSync(target, link);
  writeFileSync(brick.agentJson, `${JSON.stringify(input.agentConfig, null, 2)}\n`);
  if (input.disk > 0n) await makeDisk(brick.disk, input.disk, input.signal);
  await makeHostKey(layout, brick, input.signal);
  await writeInitrd(brick.initrd, input.artifacts, {
    hostname: brickName(layout.name, n),
    agentConfig: input.agentConfig,
    authorizedKeys: readFileSync(`${layout.sshKey}.pub`, 'utf8'),
    hostKey: readFileSync(brick.hostKey, 'utf8'),
    hostKeyPublic: readFileSync(`${brick.hostKey}.pub`, 'utf8'),
    extra: input.extra,
  });
}

/** An empty ext4 file system that is root's, whoever makes it. */
async function makeDisk(
  path: string,
  size: bigint,
  signal: AbortSignal | undefined,
): Promise<void> {
  writeFileSync(path, '', { mode: 0o600 });
  truncateSync(path, Number(size));
  await run(['mke2fs', '-q', '-t', 'ext4', '-E', 'root_owner=0:0', path], {
    signal,
    hint: 'mke2fs comes with the package e2fsprogs.',
  });
}

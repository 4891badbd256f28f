import { appendFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { hex } from '../common/units.js';
import { writeCpio } from './artifacts/cpio.js';
import type { BrickLayout, RackLayout } from './layout.js';
import { brickName } from './names.js';
import { sharesOf, type RackPlan } from './plan.js';
import { makeHostKey } from './ssh.js';

/**
 * Configuration of a brick's agent. It finds registers and pool by itself, as on hardware; what it
 * may use of the pool only the rack knows.
 */
export function agentConfig(
  rack: string,
  plan: RackPlan,
  n: number,
  override: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    brick: brickName(rack, n),
    registers: { backend: 'bar', pci: 'auto' },
    pool: { pci: 'auto' },
    shares: sharesOf(plan, n).map(({ start, size, shared }) => ({
      start: hex(start),
      size: hex(size),
      shared,
    })),
    socketGroup: 'sdm',
    ...override,
  };
}

/** Makes a brick's directory, host key and initrd: the guest's own, and an archive with what is
 * this brick's alone. */
export async function makeBrickFiles(
  layout: RackLayout,
  n: number,
  config: Readonly<Record<string, unknown>>,
  guestInitrd: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const brick = layout.brick(n);
  mkdirSync(brick.dir, { mode: 0o700 });
  for (const [link, target] of brick.socketLinks) symlinkSync(target, link);
  writeFileSync(brick.agentJson, `${JSON.stringify(config, null, 2)}\n`);
  await makeHostKey(layout, brick, signal);
  writeInitrd(layout, brick, guestInitrd);
}

function writeInitrd(layout: RackLayout, brick: BrickLayout, guestInitrd: readonly string[]): void {
  const own = writeCpio([
    { path: '/brick/hostname', data: `${brickName(layout.name, brick.n)}\n` },
    { path: '/brick/agent.json', data: readFileSync(brick.agentJson) },
    { path: '/brick/authorized_keys', data: readFileSync(`${layout.sshKey}.pub`), mode: 0o600 },
    { path: '/brick/ssh_host_ed25519_key', data: readFileSync(brick.hostKey), mode: 0o600 },
    { path: '/brick/ssh_host_ed25519_key.pub', data: readFileSync(`${brick.hostKey}.pub`) },
  ]);
  // It holds the host key.
  writeFileSync(brick.initrd, '', { mode: 0o600 });
  for (const part of guestInitrd) appendFileSync(brick.initrd, padToFour(readFileSync(part)));
  appendFileSync(brick.initrd, own);
}

/** An archive starts at a multiple of 4 bytes; the kernel skips the zeros between two. */
function padToFour(bytes: Buffer): Buffer {
  return bytes.length % 4 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

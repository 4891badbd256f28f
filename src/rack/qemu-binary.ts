import { SdmError } from '../common/errors.js';
import { run } from '../common/exec.js';
import type { ArtifactOptions } from './artifacts/index.js';

/** What bricks run on: a distribution's QEMU, or one with this project's devices (docs/qemu.md). */
export const QEMUS = ['stock', 'patched'] as const;
export type QemuKind = (typeof QEMUS)[number];

/** The oldest stock one that is known to work. */
const LEAST: readonly [number, number] = [7, 2];
/** What the devices of a brick on a patched one are made of, and the option that lists such things. */
const PARTS = [
  ['-device', 'sdm-memport'],
  ['-object', 'memory-backend-remote'],
] as const;

/** The QEMU that $SDM_QEMU names, or the one on the PATH. */
export function qemuBinary(): string {
  return process.env['SDM_QEMU'] || 'qemu-system-aarch64';
}

/**
 * The QEMU for bricks of this kind, where one is there already, checked.
 * @returns undefined: a patched one has still to be looked for in the cache, or built.
 * @throws SdmError SDM_RACK_QEMU.
 */
export async function findQemu(kind: QemuKind, signal?: AbortSignal): Promise<string | undefined> {
  if (kind === 'patched' && !process.env['SDM_QEMU']) return undefined;
  const binary = qemuBinary();
  await checkQemu(binary, signal);
  if (kind === 'patched') await checkParts(binary, signal);
  return binary;
}

/**
 * The patched QEMU out of the cache, built now if it is not there yet.
 * @throws SdmError SDM_RACK_QEMU, and what a build may fail with: SDM_MISSING, SDM_COMMAND, SDM_ARTIFACT.
 */
export async function builtQemu(options: ArtifactOptions): Promise<string> {
  const { ensureQemu } = await import('./artifacts/qemu.js');
  const { binary } = await ensureQemu(options);
  await checkParts(binary, options.signal);
  return binary;
}

/**
 * Checks that QEMU is there and recent enough.
 * @returns its version, such as "7.2.22".
 * @throws SdmError SDM_RACK_QEMU.
 */
export async function checkQemu(binary: string, signal?: AbortSignal): Promise<string> {
  const { stdout } = await run([binary, '--version'], { signal, timeoutMs: 20_000 }).catch(
    (cause: unknown) => {
      signal?.throwIfAborted();
      throw new SdmError(
        'SDM_RACK_QEMU',
        `${binary} cannot be run; install the package qemu-system-arm, or name another QEMU in ` +
          'SDM_QEMU',
        { details: { binary }, cause },
      );
    },
  );
  const match = /version ((\d+)\.(\d+)[\d.]*)/.exec(stdout);
  const [major, minor] = [Number(match?.[2]), Number(match?.[3])];
  if (!(major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1]))) {
    throw new SdmError(
      'SDM_RACK_QEMU',
      `${binary} is ${match?.[1] ?? 'of an unknown version'}; a rack needs ${LEAST.join('.')} or ` +
        'newer (Debian 12 has it); name another one in SDM_QEMU',
      { details: { binary, found: match?.[1] ?? null } },
    );
  }
  return match?.[1] ?? '';
}

/**
 * Checks that QEMU has what only this project's has: a brick would else end at its start, with no word
 * of the variable that named the wrong one.
 * @throws SdmError SDM_RACK_QEMU.
 */
async function checkParts(binary: string, signal?: AbortSignal): Promise<void> {
  for (const [option, part] of PARTS) {
    const { stdout } = await run([binary, option, 'help'], {
      signal,
      timeoutMs: 20_000,
    });
    if (new RegExp(`(^|[\\s"])${part}($|[\\s"])`, 'm').test(stdout)) continue;
    throw new SdmError(
      'SDM_RACK_QEMU',
      `${binary} has no ${part}, so bricks of a patched QEMU cannot run on it: name one in SDM_QEMU ` +
        "that has this project's patches, unset SDM_QEMU to have it built, or leave out --qemu",
      { details: { binary, missing: part } },
    );
  }
}

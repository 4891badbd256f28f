import { SdmError } from '../common/errors.js';
import { run } from '../common/exec.js';

const LEAST: readonly [number, number] = [7, 2];

/** The QEMU that bricks run on: $SDM_QEMU or the one on the PATH. */
export function qemuBinary(): string {
  return process.env['SDM_QEMU'] || 'qemu-system-aarch64';
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

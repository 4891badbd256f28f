import { SdmError } from '../../common/errors.js';
import type { ArtifactOptions } from './index.js';

export type QemuTarget = 'aarch64' | 'x86_64';

export interface QemuOptions extends ArtifactOptions {
  /** What the machines are. Default aarch64, as bricks are. */
  readonly target?: QemuTarget;
  /** With ASan and UBSan: for tests, several times slower. */
  readonly sanitize?: boolean;
}

/** QEMU with this project's series; paths in the cache, never changed afterwards. */
export interface Qemu {
  /** Takes firmware from where Debian's packages have it. */
  readonly binary: string;
  /** Of the QEMU that the series is applied to, e.g. "10.0.2". */
  readonly version: string;
}

/**
 * Builds QEMU with the series in qemu-patches/ by qemu-patches/build, or finds it in the cache.
 * Needs minutes and a network the first time, nothing afterwards. docs/qemu.md says what it is for.
 * @throws as ensureArtifacts() does.
 */
export function ensureQemu(_options: QemuOptions = {}): Promise<Qemu> {
  return Promise.reject(new SdmError('SDM_MISSING', 'QEMU with the series cannot be built yet.'));
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Artifacts, CpioEntry } from './artifacts/index.js';
import { collectModules } from './artifacts/kernel.js';

/**
 * Modules of the stock kernel as files for `RackUpOptions.extra`, each after those that it depends on:
 * bricks insert them in this order when they boot.
 * @param names such as "kmem".
 * @throws SDM_ARTIFACT where the kernel has no such module.
 */
export async function kernelModules(
  { kernelModules: modules, kernelRelease: release }: KernelParts,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<CpioEntry[]> {
  const work = mkdtempSync(join(tmpdir(), 'sdm-modules-'));
  try {
    const files = await collectModules({ signal }, { release, modules }, names, work);
    return files.map((file, i) => ({
      // inserted by name: all numbers are as long
      path: `/brick/modules-extra/${String(i).padStart(2, '0')}-${file}`,
      data: readFileSync(join(work, file)),
    }));
  } finally {
    rmSync(work, { recursive: true });
  }
}

type KernelParts = Pick<Artifacts, 'kernelModules' | 'kernelRelease'>;

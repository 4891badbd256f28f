import { basename, join } from 'node:path';
import { run } from '../common/exec.js';
import type { Artifacts, CpioEntry } from './artifacts/index.js';

/**
 * Modules of the stock kernel as files for `RackUpOptions.extra`: bricks insert them when they boot, in
 * this order.
 * @param names below the kernel's tree of modules, such as "drivers/dax/kmem".
 * @throws SdmError SDM_COMMAND where the kernel has no such module.
 */
export function kernelModules(
  { kernelModules: tree }: Pick<Artifacts, 'kernelModules'>,
  names: readonly string[],
): Promise<CpioEntry[]> {
  return Promise.all(
    names.map(async (name, i) => ({
      path: `/brick/modules-extra/${i}-${basename(name)}.ko`,
      data: await unpacked(join(tree, 'kernel', `${name}.ko.xz`)),
    })),
  );
}

async function unpacked(path: string): Promise<Buffer> {
  const { stdout } = await run(['sh', '-c', 'xz -dc -- "$1" | base64 -w 0', 'sh', path], {
    hint: 'xz comes with the package xz-utils.',
  });
  return Buffer.from(stdout, 'base64');
}

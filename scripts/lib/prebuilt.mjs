// Where a package keeps the addon that it brings ready-made.
import { join } from 'node:path';

export const prebuiltArchitectures = ['x64', 'arm64'];

/** Of the package in `root`; src/native/index.ts says the same. */
export function prebuilt(root, arch) {
  return join(root, 'prebuilds', `linux-${arch}`, 'sdm_native.node');
}

import type { DebianPackage } from './apt.js';
import type { ArtifactOptions } from './index.js';
import { ensureHeaders } from './kernel.js';
import { openArtifacts } from './open.js';

export interface MachineHeaders {
  /** Kernel release, e.g. "6.12.117+deb12-amd64". */
  readonly release: string;
  /** The directory for `make -C`. */
  readonly headers: string;
}

/**
 * Headers of the bricks' kernel, in the same version, for the architecture of this machine: modules
 * for it are built here with no cross compiler. Where that is arm64 they are the bricks' own.
 * @throws as ensureArtifacts() does.
 */
export async function ensureMachineHeaders(options: ArtifactOptions = {}): Promise<MachineHeaders> {
  const { context, apt, resolution } = await openArtifacts(options);
  const { architecture } = apt;
  if (architecture === 'arm64') {
    const headers = await ensureHeaders(context, apt, resolution);
    return { release: resolution.kernelRelease, headers };
  }
  const release = resolution.kernelRelease.replace(/-arm64$/, `-${architecture}`);
  const own: DebianPackage = {
    name: `linux-headers-${release}`,
    version: resolution.image.version,
    architecture,
    depends: [],
  };
  const shared = resolution.headers.filter(({ name }) => !name.endsWith('-arm64'));
  const packages = { headers: [own, ...shared], kernelRelease: release };
  return { release, headers: await ensureHeaders(context, apt, packages, 'machine-headers') };
}

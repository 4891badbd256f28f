import { mkdir } from 'node:fs/promises';
import { cacheDir, projectDir } from '../../common/paths.js';
import { Progress } from '../../common/progress.js';
import { PrivateApt, type DebianPackage } from './apt.js';
import type { Context } from './context.js';
import type { ArtifactOptions } from './index.js';
import { ensureHeaders } from './kernel.js';
import { resolvePackages } from './resolution.js';

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
  const { env = process.env, progress = new Progress(), signal } = options;
  const cache = options.cache ?? cacheDir(env);
  await mkdir(cache, { recursive: true });
  const context: Context = { cache, project: projectDir(), progress, signal, env };
  const apt = await PrivateApt.open(context);
  const { architecture } = apt;
  const resolution = await resolvePackages(context, apt);
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

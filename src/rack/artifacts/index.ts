import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Progress } from '../../common/progress.js';
import { PrivateApt } from './apt.js';
import { writeCpio, type CpioEntry } from './cpio.js';
import { ensureBase } from './initrd.js';
import { ensureHeaders, ensureKernel } from './kernel.js';
import { ensureModule } from './module.js';
import { contextOf } from './open.js';
import { ensurePayload, ensurePrograms } from './payload.js';
import { resolvePackages, type Resolution } from './resolution.js';
import { ensureRoot } from './root.js';

export { writeCpio, type CpioEntry } from './cpio.js';

export interface ArtifactOptions {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Default process.env: MIRROR, PROXY, http_proxy and so on. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default cacheDir(env). */
  readonly cache?: string;
}

/**
 * What a brick boots. All are paths of files in the cache, whole and never changed afterwards, so
 * that any number of guests may share them; a newer one gets another path.
 */
export interface Artifacts {
  /** Uncompressed arm64 kernel for QEMU's `-kernel`. */
  readonly kernel: string;
  /** What `uname -r` says in the guest. */
  readonly kernelRelease: string;
  /** The kernel's configuration file. */
  readonly kernelConfig: string;
  /** The kernel's own modules (`kernel/…/NAME.ko.xz`). */
  readonly kernelModules: string;
  /** Headers of this kernel: the directory for `make -C`. */
  readonly kernelHeaders: string;
  /** Directory with our modules, sdmc_mem.ko among them; the guest has them in /opt/sdm. */
  readonly modules: string;
  /** First part of the first file system: busybox, the kernel's boot modules, /init. */
  readonly base: string;
  /** Second part: this project's programs, in /opt/sdm. */
  readonly payload: string;
  /** The guest's /usr, a read-only image. Must be the first virtio disk (/dev/vda). */
  readonly root: string;
  /**
   * Words for the kernel's command line that a guest needs. `sdm.module=no`, `sdm.agent=no` and
   * `sdm.sdmc=yes` may be added: no sdmc_mem, no agent; with the driver sdmc.
   */
  readonly append: readonly string[];
}

/**
 * Makes all that a brick boots, or finds it in the cache. Parallel calls, of other processes too,
 * wait for each other. Needs a network only for what the cache lacks, and once a day to see whether
 * Debian has a newer kernel.
 *
 * The guest's side of the bargain: the console (ttyAMA0) says "sdm: brick ready" when sshd listens
 * and the agent answers, or a line that begins with "sdm: brick failed: "; then it is a root shell.
 * eth0 is 10.0.2.15 as in QEMU's user network. The agent logs to /var/log/sdm-agent.log.
 *
 * @throws SdmError SDM_MISSING: not reachable and not cached; SDM_COMMAND, SDM_ARTIFACT: a build
 * failed (with the end of its log); SDM_TIMEOUT.
 */
export async function ensureArtifacts(options: ArtifactOptions = {}): Promise<Artifacts> {
  // The first part that fails ends the work on the others.
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])]);
  const context = await contextOf({ ...options, signal });

  // What only this project decides comes first: a mistake there must not wait for downloads.
  const programs = ensurePrograms(context);
  programs.catch((error: unknown) => failed.abort(error));
  let apt: PrivateApt;
  let resolution: Resolution;
  try {
    apt = await PrivateApt.open(context);
    resolution = await resolvePackages(context, apt);
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled([programs]);
    throw error;
  }
  const parts = [
    (async () => {
      const kernel = await ensureKernel(context, apt, resolution);
      return { kernel, base: await ensureBase(context, apt, resolution, kernel) };
    })(),
    ensureRoot(context, apt, resolution),
    (async () => {
      const headers = await ensureHeaders(context, apt, resolution);
      const modules = await ensureModule(context, headers);
      return { headers, modules, payload: await ensurePayload(context, await programs, modules) };
    })(),
  ] as const;
  for (const part of parts) part.catch((error: unknown) => failed.abort(error));
  // All of them, so that nothing still works in the cache when this returns.
  await Promise.allSettled(parts);
  const [{ kernel, base }, root, { headers, modules, payload }] = await Promise.all(parts);
  return {
    kernel: kernel.image,
    kernelRelease: kernel.release,
    kernelConfig: kernel.config,
    kernelModules: kernel.modules,
    kernelHeaders: headers,
    modules,
    base,
    payload,
    root,
    append: GUEST_ARGUMENTS,
  };
}

const GUEST_ARGUMENTS = [
  'console=ttyAMA0',
  'quiet',
  // A brick that panicked must end, not hang.
  'panic=-1',
  // New memory waits for the agent, which onlines it as movable.
  'memhp_default_state=offline',
  // Testing every cipher at boot takes an emulated CPU seconds.
  'cryptomgr.notests',
];

/** What makes a guest this brick and no other: the files that its /init takes from /brick. */
export interface BrickFiles {
  readonly hostname: string;
  /** /etc/sdm/agent.json */
  readonly agentConfig: unknown;
  /** Lines of public keys that may log in as root. */
  readonly authorizedKeys: string;
  /** The host's own key pair, as ssh-keygen writes it. */
  readonly hostKey: string;
  readonly hostKeyPublic: string;
  /** More files, e.g. modules in /brick/modules-extra, which /init inserts by name. */
  readonly extra?: readonly CpioEntry[];
}

/** Writes the file for QEMU's `-initrd` of one brick: base, payload and the brick's own files. */
export async function writeInitrd(
  path: string,
  artifacts: Pick<Artifacts, 'base' | 'payload'>,
  brick: BrickFiles,
): Promise<void> {
  const own = writeCpio([
    { path: '/brick/hostname', data: `${brick.hostname}\n` },
    { path: '/brick/agent.json', data: `${JSON.stringify(brick.agentConfig, undefined, 2)}\n` },
    { path: '/brick/authorized_keys', data: brick.authorizedKeys },
    { path: '/brick/ssh_host_ed25519_key', mode: 0o600, data: brick.hostKey },
    { path: '/brick/ssh_host_ed25519_key.pub', data: brick.hostKeyPublic },
    ...(brick.extra ?? []),
  ]);
  await mkdir(dirname(path), { recursive: true });
  const parts = [await readFile(artifacts.base), await readFile(artifacts.payload), own];
  // The host's private key is in it.
  await pipeline(parts, createWriteStream(path, { mode: 0o600 }));
}

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import type { DebianPackage, PrivateApt } from './apt.js';
import type { Context } from './context.js';
import { readSettled, settled } from './settled.js';

/** What settling packages needs of an apt. */
export type PackageSource = Pick<
  PrivateApt,
  'architecture' | 'update' | 'names' | 'show' | 'download' | 'has' | 'pruneExcept'
>;

/** Which Debian packages a brick is made of: settled once a day, so that all runs of it agree. */
export interface Resolution {
  /** Kernel release, e.g. "6.12.117+deb12-arm64". */
  readonly kernelRelease: string;
  readonly image: DebianPackage;
  /** Headers of this kernel, common headers, and the build tools for this machine. */
  readonly headers: readonly DebianPackage[];
  /** The guest's programs with the libraries they need. */
  readonly root: readonly DebianPackage[];
}

/** The series that the module is written for. */
const KERNEL_SERIES = '6.12';
/** Of a series, not of an ABI: Debian has the newest of it only. */
export const SOURCE_PACKAGE = `linux-source-${KERNEL_SERIES}`;
/** What of Debian a brick runs. Node comes from elsewhere; libstdc++ is for it. */
export const BRICK_PACKAGES: readonly string[] = [
  'busybox-static',
  'openssh-server',
  'openssh-sftp-server',
  'libc6',
  'libgcc-s1',
  'libstdc++6',
];
/** Dependencies beyond libraries (debconf, perl, PAM's set-up) only serve an installed system. */
const LIBRARY = /^(lib|zlib)/;
/** A resolution made with other choices must not be taken for one of these. */
function resolutionFile(cache: string, packages: readonly string[]): string {
  const choices = hashOf(KERNEL_SERIES, ...packages, String(LIBRARY));
  return join(cache, `resolution-${choices.slice(0, 8)}.json`);
}

/** Names of kernels of flavour "arm64" among package names, newest first: no rt, cloud or 16k. */
export function kernelAbis(names: readonly string[]): string[] {
  const pattern = new RegExp(
    `^linux-image-(${KERNEL_SERIES}\\.\\d+[^-:]*)-arm64-unsigned(:arm64)?$`,
  );
  const abis = names.map((name) => pattern.exec(name)?.[1]).filter((abi) => abi !== undefined);
  const patch = (abi: string): number => Number(abi.split('.')[2]?.match(/^\d+/)?.[0] ?? 0);
  return [...new Set(abis)].sort((a, b) => patch(b) - patch(a) || (a < b ? 1 : -1));
}

/**
 * The packages to use and their files in the cache. Goes to the network once a day at most; without
 * one, the last resolution whose packages are in the cache is taken, with a note.
 * @param packages what of Debian the guest is to run, besides the libraries it needs.
 * @throws SdmError SDM_MISSING: nothing is reachable and nothing complete is in the cache.
 */
export async function resolvePackages(
  context: Context,
  apt: PackageSource,
  packages: readonly string[] = BRICK_PACKAGES,
): Promise<Resolution> {
  const file = resolutionFile(context.cache, packages);
  return settled(context, {
    file,
    architecture: apt.architecture,
    has: (resolution) => apt.has(allPackages(resolution)),
    nameOf: ({ kernelRelease }) => `kernel ${kernelRelease}`,
    settle: async () => {
      await apt.update();
      const resolution =
        (await resolveNow(apt, packages)) ??
        (await apt.update({ force: true }), await resolveNow(apt, packages));
      if (!resolution) {
        throw new SdmError(
          'SDM_MISSING',
          `No kernel ${KERNEL_SERIES} of flavour arm64 with matching headers is in the Debian ` +
            'sources of this machine. Debian 12 has it in its security suite, Debian 13 in the main ' +
            'one: see that /etc/apt names that suite.',
        );
      }
      await context.progress.step('Fetch Debian packages of kernel and guest', () =>
        apt.download(allPackages(resolution)),
      );
      await apt.pruneExcept([
        ...allPackages(resolution),
        ...otherGuests(context.cache, file),
        ...(hasOwnKernel(context.cache) ? [sourcePackage(resolution)] : []),
      ]);
      return resolution;
    },
  });
}

/** Everything that a resolution names. */
export function allPackages({ image, headers, root }: Resolution): DebianPackage[] {
  return [image, ...headers, ...root];
}

/** The package of the sources that the stock kernel was built from: it has the same version. */
export function sourcePackage({ image }: Pick<Resolution, 'image'>): DebianPackage {
  return { name: SOURCE_PACKAGE, version: image.version, architecture: 'all', depends: [] };
}

/** What guests of other packages were last made of: without a network they are needed, too. */
function otherGuests(cache: string, own: string): DebianPackage[] {
  return readdirSync(cache)
    .filter((name) => /^resolution-[0-9a-f]+\.json$/.test(name) && join(cache, name) !== own)
    .flatMap((name) => {
      const { resolution } = readSettled<Resolution>(join(cache, name));
      return allPackages(resolution);
    });
}

/** Who built a kernel of our own builds another when its configuration changes, network or not. */
function hasOwnKernel(cache: string): boolean {
  return readdirSync(cache, { withFileTypes: true }).some(
    (entry) => entry.isDirectory() && entry.name.startsWith('own-kernel-'),
  );
}

async function resolveNow(
  apt: PackageSource,
  packages: readonly string[],
): Promise<Resolution | undefined> {
  const names = await apt.names(`linux-image-${KERNEL_SERIES}.`);
  for (const abi of kernelAbis(names)) {
    const kernel = await resolveKernel(apt, abi);
    if (kernel) return { ...kernel, root: await libraryClosure(apt, packages) };
  }
  return undefined;
}

/** Image and headers in one version, or nothing: mirrors may be in the middle of an update. */
async function resolveKernel(
  apt: PackageSource,
  abi: string,
): Promise<Pick<Resolution, 'kernelRelease' | 'image' | 'headers'> | undefined> {
  const wanted = [
    `linux-image-${abi}-arm64-unsigned:arm64`,
    `linux-headers-${abi}-arm64:arm64`,
    `linux-headers-${abi}-common`,
    `linux-kbuild-${abi}:${apt.architecture}`,
  ];
  const found = await apt.show(wanted);
  const [image, ...headers] = wanted.map((name) =>
    found.find((p) => p.name === name.split(':')[0]),
  );
  if (!image || headers.some((p) => p?.version !== image.version)) return undefined;
  return {
    kernelRelease: `${abi}-arm64`,
    image,
    headers: headers.filter((p) => p !== undefined),
  };
}

/** Packages and, level by level, the libraries that they depend on. */
async function libraryClosure(
  apt: PackageSource,
  roots: readonly string[],
): Promise<DebianPackage[]> {
  const found = new Map<string, DebianPackage>();
  for (let wanted = [...roots]; wanted.length > 0;) {
    const level = await apt.show(wanted.map((name) => `${name}:arm64`));
    for (const p of level) found.set(p.name, p);
    const lost = roots.filter((name) => !found.has(name));
    if (lost.length > 0) {
      throw new SdmError('SDM_MISSING', `Debian's lists for arm64 have no ${lost.join(', ')}.`);
    }
    wanted = [...new Set(level.flatMap((p) => p.depends))].filter(
      (name) => LIBRARY.test(name) && !found.has(name),
    );
    // Virtual packages are provided by others of the list; a library that is really missing shows
    // when the guest's root is checked.
    if (level.length === 0) break;
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

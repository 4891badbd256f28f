import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cached, hashOf } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import { PrivateApt, type DebianPackage, type SourcePackage } from './apt.js';
import type { Context } from './context.js';
import { unpack, versionOf } from './kernel.js';
import { settled } from './settled.js';

/** The QEMU that the patches in qemu-patches/ are for. */
export const QEMU_SERIES = '10.0';
/** What builds it and is too new for Debian 12 itself: unpacked, not installed. */
const TOOLS: readonly string[] = ['meson', 'python3-pycotap'];
/** 40 MB; whoever waits for another's may wait for a slow network. */
const FETCH_TIMEOUT_MS = 30 * 60_000;

interface QemuResolution {
  readonly source: SourcePackage;
  readonly tools: readonly DebianPackage[];
}

/** Paths in the cache. */
export interface QemuSource {
  /** As it is in a file name of Debian's, "10.0.2+ds". */
  readonly version: string;
  /** The sources as their authors packed them, less what Debian may not pass on. */
  readonly archive: string;
  /** The directory for PYTHONPATH in which Meson is. */
  readonly tools: string;
  /** A hash of both. */
  readonly key: string;
}

/**
 * The sources of QEMU and what builds them, from this machine's own Debian archive. Goes to the
 * network once a day at most, and not at all while nobody builds QEMU.
 * @throws SdmError SDM_MISSING: Debian has no QEMU of the series, or is not reachable.
 */
export async function ensureQemuSource(context: Context): Promise<QemuSource> {
  const apt = await PrivateApt.open(context, { sourcePackages: true });
  const resolution = await settled<QemuResolution>(context, {
    file: join(context.cache, settledFile()),
    architecture: apt.architecture,
    has: (known) => existsSync(join(context.cache, KIND, keyOf(known))),
    nameOf: ({ source }) => `QEMU ${archiveVersion(source)}`,
    settle: async () => {
      const found = (await resolve(apt)) ?? (await apt.update({ force: true }), await resolve(apt));
      if (!found) {
        throw new SdmError(
          'SDM_MISSING',
          `No sources of QEMU ${QEMU_SERIES} are in the Debian archive of this machine. Debian 12 ` +
            'has them in its suite of backports, Debian 13 in the main one: see that the source ' +
            'in /etc/apt has source packages and that suite, too; not every mirror does.',
        );
      }
      await fetchSource(context, apt, found);
      return found;
    },
  });
  const dir = await fetchSource(context, apt, resolution);
  return {
    version: archiveVersion(resolution.source),
    archive: join(dir, resolution.source.archive),
    tools: join(dir, 'tools/usr/lib/python3/dist-packages'),
    key: keyOf(resolution),
  };
}

const KIND = 'qemu-source';

/** What was settled with other tools must not be taken for this. */
function settledFile(): string {
  return `settled-qemu-${QEMU_SERIES}-${hashOf(...TOOLS).slice(0, 8)}.json`;
}

function keyOf({ source, tools }: QemuResolution): string {
  return hashOf('1', source.archive, source.sha256, ...tools.map(versionOf));
}

/** "10.0.2+ds" of "qemu_10.0.2+ds.orig.tar.xz". */
function archiveVersion({ archive }: SourcePackage): string {
  return /^[^_]*_(.*)\.orig\./.exec(archive)?.[1] ?? archive;
}

async function resolve(apt: PrivateApt): Promise<QemuResolution | undefined> {
  await apt.update();
  const source = newestOf(await apt.sources('qemu'), QEMU_SERIES);
  const tools = await apt.show(TOOLS);
  if (source === undefined || tools.length < TOOLS.length) return undefined;
  return { source, tools };
}

/** The newest point release of a series: Debian's own changes are not in the archive. */
export function newestOf(
  sources: readonly SourcePackage[],
  series: string,
): SourcePackage | undefined {
  const point = (source: SourcePackage): number => {
    const version = archiveVersion(source);
    const rest = version.startsWith(`${series}.`) ? version.slice(series.length + 1) : '';
    return Number(/^\d+/.exec(rest)?.[0] ?? NaN);
  };
  return sources
    .filter((source) => !Number.isNaN(point(source)))
    .sort((a, b) => point(b) - point(a))[0];
}

function fetchSource(
  context: Context,
  apt: PrivateApt,
  { source, tools }: QemuResolution,
): Promise<string> {
  return cached({
    cache: context.cache,
    kind: KIND,
    key: keyOf({ source, tools }),
    signal: context.signal,
    lockTimeoutMs: FETCH_TIMEOUT_MS,
    make: async (to) => {
      const name = `Fetch the sources of QEMU ${archiveVersion(source)}`;
      await context.progress.step(name, async () => {
        await unpack(context, apt, tools, join(to, 'tools'));
        await apt.downloadSource(source, to);
      });
    },
  });
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Progress } from '../../src/common/progress.js';
import { debFileName, parsePackages, type DebianPackage } from '../../src/rack/artifacts/apt.js';
import type { Context } from '../../src/rack/artifacts/context.js';
import {
  allPackages,
  kernelAbis,
  resolvePackages,
  type PackageSource,
} from '../../src/rack/artifacts/resolution.js';

const ABI = '6.12.117+deb12';

/** An archive in memory: `offline` refuses like a machine without a network. */
class Archive implements PackageSource {
  readonly architecture = 'amd64';
  offline = false;
  updates = 0;
  kept: string[] = [];
  readonly cached = new Set<string>();
  packages: DebianPackage[];

  constructor(abis: readonly string[] = [ABI]) {
    const make = (name: string, architecture = 'arm64', depends: string[] = []): DebianPackage => ({
      name,
      version: '1:1.0-1',
      architecture,
      depends,
    });
    this.packages = [
      ...abis.flatMap((abi) => [
        make(`linux-image-${abi}-arm64-unsigned`),
        make(`linux-headers-${abi}-arm64`),
        make(`linux-headers-${abi}-common`, 'all'),
        make(`linux-kbuild-${abi}`, 'amd64'),
      ]),
      make('busybox-static'),
      make('openssh-server', 'arm64', ['adduser', 'libpam0g', 'libc6', 'zlib1g', 'debconf']),
      make('openssh-sftp-server', 'arm64', ['openssh-client', 'libc6']),
      make('libpam0g', 'arm64', ['libaudit1', 'libc6']),
      make('libaudit1', 'arm64', ['libc6', 'libvirtual']),
      make('libc6', 'arm64', ['libgcc-s1']),
      make('libgcc-s1', 'arm64', ['libc6']),
      make('libstdc++6'),
      make('zlib1g'),
      make('debconf', 'all'),
      make('adduser', 'all'),
    ];
  }

  update(): Promise<void> {
    this.updates++;
    return this.offline ? Promise.reject(new Error('no network')) : Promise.resolve();
  }
  names(prefix: string): Promise<string[]> {
    return Promise.resolve(this.packages.map((p) => p.name).filter((n) => n.startsWith(prefix)));
  }
  show(names: readonly string[]): Promise<DebianPackage[]> {
    const plain = names.map((name) => name.split(':')[0]);
    return Promise.resolve(this.packages.filter((p) => plain.includes(p.name)));
  }
  download(packages: readonly DebianPackage[]): Promise<string[]> {
    for (const p of packages) this.cached.add(debFileName(p));
    return Promise.resolve([]);
  }
  has(packages: readonly DebianPackage[]): boolean {
    return packages.every((p) => this.cached.has(debFileName(p)));
  }
  pruneExcept(packages: readonly DebianPackage[]): Promise<void> {
    this.kept = packages.map(({ name }) => name);
    return Promise.resolve();
  }
}

let cache: string;
let output: PassThrough;
let context: Context;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'sdm-resolution-'));
  output = new PassThrough();
  const progress = new Progress({ stream: output, verbose: false });
  context = { cache, project: '/', progress, signal: undefined, env: {} };
});
afterEach(() => rmSync(cache, { recursive: true }));

const shown = (): string => (output.read() as Buffer | null)?.toString() ?? '';

describe('resolvePackages', () => {
  it('says what is missing where there is no such kernel', async () => {
    const empty = new Archive([]);
    await expect(resolvePackages(context, empty)).rejects.toMatchObject({ code: 'SDM_MISSING' });
    // Once as usual, once because nothing was found.
    expect(empty.updates).toBe(2);
  });

  it('passes on why it cannot where nothing is cached', async () => {
    const archive = new Archive();
    archive.offline = true;
    await expect(resolvePackages(context, archive)).rejects.toThrow('no network');
  });

  it('takes the newest kernel with all of its headers, and libraries but no set-up', async () => {
    const archive = new Archive([ABI, '6.12.118+deb12']);
    // As when a mirror has the new image but not yet its headers.
    archive.packages = archive.packages.filter(
      (p) => p.name !== 'linux-headers-6.12.118+deb12-common',
    );
    const resolution = await resolvePackages(context, archive);
    expect(resolution.kernelRelease).toBe(`${ABI}-arm64`);
    expect(resolution.headers.map((p) => `${p.name}:${p.architecture}`)).toEqual([
      `linux-headers-${ABI}-arm64:arm64`,
      `linux-headers-${ABI}-common:all`,
      `linux-kbuild-${ABI}:amd64`,
    ]);
    expect(resolution.root.map((p) => p.name)).toEqual([
      'busybox-static',
      'libaudit1',
      'libc6',
      'libgcc-s1',
      'libpam0g',
      'libstdc++6',
      'openssh-server',
      'openssh-sftp-server',
      'zlib1g',
    ]);
    expect(archive.has(allPackages(resolution))).toBe(true);
  });

  it('keeps the sources of a kernel where one of our own was built', async () => {
    const archive = new Archive();
    writeFileSync(join(cache, 'own-kernel-4k-debug.lock'), '');
    await resolvePackages(context, archive);
    expect(archive.kept).toContain('busybox-static');
    expect(archive.kept).not.toContain('linux-source-6.12');
    mkdirSync(join(cache, 'own-kernel-4k-debug'));
    archive.cached.clear();
    await resolvePackages(context, archive);
    expect(archive.kept).toContain('linux-source-6.12');
  });

  it('asks the archive once a day', async () => {
    const archive = new Archive();
    const first = await resolvePackages(context, archive);
    expect(await resolvePackages(context, archive)).toEqual(first);
    expect(archive.updates).toBe(1);
  });

  it('goes on without a network from what is cached, and says so', async () => {
    const archive = new Archive();
    const first = await resolvePackages(context, archive);
    archive.offline = true;
    // A package that is gone makes it look again; without a network that ends badly.
    archive.cached.delete(debFileName(first.image));
    await expect(resolvePackages(context, archive)).rejects.toThrow('no network');
    archive.cached.add(debFileName(first.image));
    const { Date: RealDate } = globalThis;
    const now = RealDate.now;
    Date.now = () => now() + 25 * 3_600_000;
    try {
      expect(await resolvePackages(context, archive)).toEqual(first);
    } finally {
      Date.now = now;
    }
    expect(shown()).toMatch(/going on with what the cache has \(kernel 6\.12\.117/);
  });
});

describe('kernelAbis', () => {
  it('takes only the flavour arm64 of 6.12, newest first', () => {
    expect(
      kernelAbis([
        'linux-image-6.12.99+deb13-arm64-unsigned',
        'linux-image-6.12.117+deb13-arm64-unsigned:arm64',
        'linux-image-6.12.118+deb13-rt-arm64-unsigned',
        'linux-image-6.12.118+deb13-cloud-arm64-unsigned',
        'linux-image-6.12.118+deb13-arm64-16k-unsigned',
        'linux-image-6.12.118+deb13-arm64-dbg',
        'linux-image-6.12.118+deb13-arm64',
        'linux-image-6.1.0-40-arm64-unsigned',
        'linux-image-6.120.1+deb13-arm64-unsigned',
      ]),
    ).toEqual(['6.12.117+deb13', '6.12.99+deb13']);
  });
});

describe('parsePackages', () => {
  it('reads names, versions and the first of alternative dependencies', () => {
    const text = `Package: openssh-server
Architecture: arm64
Version: 1:9.2p1-2
Pre-Depends: init-system-helpers (>= 1.54~)
Depends: adduser, libc6 (>= 2.36), default-mta | mail-transport-agent, python3:any
Description: x
 Depends: none

Package: b
Architecture: all
Version: 2

`;
    const [server, b] = parsePackages(text);
    expect(server).toEqual({
      name: 'openssh-server',
      version: '1:9.2p1-2',
      architecture: 'arm64',
      depends: ['init-system-helpers', 'adduser', 'libc6', 'default-mta', 'python3'],
    });
    expect(debFileName(server as DebianPackage)).toBe('openssh-server_1%3a9.2p1-2_arm64.deb');
    expect(b?.depends).toEqual([]);
    expect(parsePackages('N: nothing\n')).toEqual([]);
  });
});

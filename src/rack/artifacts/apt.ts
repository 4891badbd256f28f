import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOf, withLock } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import { run } from '../../common/exec.js';
import type { Context } from './context.js';
import {
  formatSources,
  parseDeb822,
  parseOneLine,
  releaseSources,
  withSuite,
  type AptSource,
} from './sources.js';

/** One binary package as apt's lists describe it. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Names of `Depends` and `Pre-Depends`; of alternatives the first. */
  readonly depends: readonly string[];
}

/** One source package as apt's lists describe it, as far as its authors' own archive goes. */
export interface SourcePackage {
  readonly name: string;
  readonly version: string;
  /** File name of the archive, `NAME_VERSION.orig.tar.xz`. */
  readonly archive: string;
  readonly sha256: string;
}

export interface AptOptions {
  /** Where the machine's os-release and apt/ are; default /etc. */
  readonly etc?: string;
  /**
   * Also lists of source packages, and with them newer programs to build them by where the release
   * has too old ones; but no arm64.
   */
  readonly sourcePackages?: boolean;
}

/** Releases whose own QEMU and Meson are too old; both are in the suite of backports. */
const BACKPORTED: readonly string[] = ['bookworm'];
const UPDATE_EVERY_MS = 24 * 3_600_000;
const UPDATE_TIMEOUT_MS = 10 * 60_000;
const DOWNLOAD_TIMEOUT_MS = 30 * 60_000;

/**
 * An apt of our own in the cache: this machine's Debian sources, proxies and keys, but with arm64
 * beside the machine's architecture, own lists and an empty package database. Needs no root and
 * leaves the machine's apt alone.
 */
export class PrivateApt {
  readonly #context: Context;
  readonly #root: string;
  readonly #debs: string;
  readonly #architectures: readonly string[];
  readonly architecture: string;

  private constructor(
    context: Context,
    root: string,
    architectures: readonly [string, ...string[]],
  ) {
    this.#context = context;
    this.#root = root;
    this.#debs = join(context.cache, 'debs');
    this.#architectures = architectures;
    this.architecture = architectures[0];
  }

  /**
   * Writes the configuration; downloads nothing yet.
   * @throws SdmError SDM_MISSING: the machine has no source of its own Debian release.
   */
  static async open(
    context: Context,
    { etc = '/etc', sourcePackages = false }: AptOptions = {},
  ): Promise<PrivateApt> {
    const { stdout } = await run(['dpkg', '--print-architecture']);
    const architecture = stdout.trim();
    const { codename, sources: own } = machineSources(context.env, etc);
    const suite = `${codename}-backports`;
    const backports = sourcePackages && BACKPORTED.includes(codename);
    const sources = formatSources(
      backports ? withSuite(own, codename, suite) : own,
      sourcePackages ? ['deb', 'deb-src'] : ['deb'],
    );
    // Lists of other sources or another release must not be mixed in: they get a root of their own.
    const root = join(context.cache, 'apt', hashOf(architecture, sources));
    const apt = new PrivateApt(
      context,
      root,
      sourcePackages ? [architecture] : [architecture, 'arm64'],
    );
    for (const dir of ['etc', 'lists/partial', 'cache/archives/partial', 'none']) {
      await mkdir(join(root, dir), { recursive: true });
    }
    await mkdir(apt.#debs, { recursive: true });
    // Sources may carry a password in their address.
    const options = { mode: 0o600 };
    await replaceFile(join(root, 'etc/machine.sources'), sources, options);
    await replaceFile(join(root, 'etc/apt.conf'), await apt.#configuration(), options);
    // By themselves packages of this suite are taken only where there are no others.
    const pin = `Package: *\nPin: release n=${suite}\nPin-Priority: 500\n`;
    await replaceFile(join(root, 'etc/preferences'), backports ? pin : '', options);
    if (!existsSync(join(root, 'status'))) await writeFile(join(root, 'status'), '');
    return apt;
  }

  async #configuration(): Promise<string> {
    const { stdout } = await run(['apt-config', 'dump', '--format', '%F "%v";%n', 'Acquire']);
    const acquire = stdout
      .split('\n')
      .filter(
        (line) =>
          !/ "";$|^Acquire::(IndexTargets|CompressionTypes|Changelogs|Languages)/.test(line),
      );
    const proxy = this.#context.env['PROXY'];
    const quoted = (path: string): string => `"${join(this.#root, path)}"`;
    return [
      ...acquire,
      ...(proxy ? [`Acquire::http::Proxy "${proxy}";`, `Acquire::https::Proxy "${proxy}";`] : []),
      'Acquire::Languages "none";',
      'Acquire::Retries "2";',
      `APT::Architecture "${this.architecture}";`,
      ...new Set(this.#architectures.map((a) => `APT::Architectures:: "${a}";`)),
      // Downloads go where the user may write, which apt's own user may not.
      'APT::Sandbox::User "root";',
      'APT::Get::List-Cleanup "true";',
      `Dir::Etc::sourcelist ${quoted('none/sources.list')};`,
      `Dir::Etc::sourceparts ${quoted('etc')};`,
      // The machine's hooks and pins are about the machine; its keys and passwords are needed.
      `Dir::Etc::parts ${quoted('none')};`,
      `Dir::Etc::main ${quoted('none/apt.conf')};`,
      `Dir::Etc::preferences ${quoted('etc/preferences')};`,
      `Dir::Etc::preferencesparts ${quoted('none')};`,
      `Dir::State::lists ${quoted('lists')};`,
      `Dir::State::status ${quoted('status')};`,
      `Dir::State::extended_states ${quoted('extended_states')};`,
      `Dir::Cache ${quoted('cache')};`,
      `Dir::Log ${quoted('cache')};`,
      '',
    ].join('\n');
  }

  async #apt(
    argv: readonly [string, ...string[]],
    { cwd = this.#root, timeoutMs = 120_000 } = {},
  ): Promise<string> {
    const { signal, progress } = this.#context;
    const { stdout } = await run(argv, {
      cwd,
      timeoutMs,
      signal,
      env: { ...this.#context.env, APT_CONFIG: join(this.#root, 'etc/apt.conf'), LC_ALL: 'C' },
      onLine: progress.trace,
      hint:
        'The sources are those of this machine (/etc/apt) for its own release. Without a network ' +
        'set http_proxy or PROXY; MIRROR names another archive.',
    });
    return stdout;
  }

  /** When the lists were last fetched, in ms since 1970; 0: never. */
  async updatedAt(): Promise<number> {
    const file = join(this.#root, 'updated');
    return existsSync(file) ? (await stat(file)).mtimeMs : 0;
  }

  /** Fetches the lists unless they are younger than a day. */
  async update({ force = false } = {}): Promise<void> {
    const fresh = async (): Promise<boolean> =>
      !force && Date.now() - (await this.updatedAt()) < UPDATE_EVERY_MS;
    if (await fresh()) return;
    const { signal, progress } = this.#context;
    await withLock(
      join(this.#root, 'update.lock'),
      'package lists',
      async () => {
        if (await fresh()) return;
        await progress.step('Fetch the lists of Debian packages', () =>
          this.#apt(['apt-get', 'update', '--error-on=any'], { timeoutMs: UPDATE_TIMEOUT_MS }),
        );
        const file = join(this.#root, 'updated');
        await writeFile(file, '');
        await utimes(file, new Date(), new Date());
      },
      { signal },
    );
  }

  /** Names of packages that begin with `prefix`; for arm64 they end in ":arm64". */
  async names(prefix: string): Promise<string[]> {
    return (await this.#apt(['apt-cache', 'pkgnames', prefix])).split('\n').filter(Boolean);
  }

  /** The newest version of each package. Names may carry ":arch". Unknown ones are left out. */
  async show(names: readonly string[]): Promise<DebianPackage[]> {
    if (names.length === 0) return [];
    const { signal } = this.#context;
    const { stdout } = await run(['apt-cache', 'show', '--no-all-versions', ...names], {
      signal,
      env: { ...this.#context.env, APT_CONFIG: join(this.#root, 'etc/apt.conf'), LC_ALL: 'C' },
      // 100: some name is unknown.
      okCodes: [0, 100],
    });
    return parsePackages(stdout);
  }

  /**
   * Downloads packages in exactly these versions, checked by apt against the signed lists; what is
   * in the cache already is not fetched again.
   * @returns the paths of the .deb files, in the order asked for.
   */
  async download(packages: readonly DebianPackage[]): Promise<string[]> {
    const { signal } = this.#context;
    if (!this.has(packages)) {
      await withLock(
        join(this.#debs, '.lock'),
        'Debian packages',
        async () => {
          const missing = packages.filter((p) => !this.has([p]));
          if (missing.length === 0) return;
          const temporary = join(this.#debs, '.partial');
          await mkdir(temporary, { recursive: true });
          const wanted = missing.map((p) => `${p.name}:${p.architecture}=${p.version}`);
          await this.#apt(['apt-get', 'download', ...wanted], {
            cwd: temporary,
            timeoutMs: DOWNLOAD_TIMEOUT_MS,
          });
          for (const p of missing) {
            await rename(join(temporary, debFileName(p)), join(this.#debs, debFileName(p)));
          }
          await rm(temporary, { recursive: true });
        },
        { signal },
      );
    }
    return packages.map((p) => join(this.#debs, debFileName(p)));
  }

  /** All versions of a source package that have an archive of its authors' own. */
  async sources(name: string): Promise<SourcePackage[]> {
    return parseSources(await this.#apt(['apt-cache', 'showsrc', '--only-source', name]));
  }

  /**
   * Downloads the archive of a source package, checked by apt against the signed lists.
   * @param to a directory that is there.
   * @returns the path of the archive.
   */
  async downloadSource({ name, version, archive }: SourcePackage, to: string): Promise<string> {
    // Without its description: Debian drops that one as soon as the next version is there.
    const options = ['--download-only', '--tar-only', '--only-source'];
    await this.#apt(['apt-get', 'source', ...options, `${name}=${version}`], {
      cwd: to,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
    });
    return join(to, archive);
  }

  /** Are all of these in the cache? */
  has(packages: readonly DebianPackage[]): boolean {
    return packages.every((p) => existsSync(join(this.#debs, debFileName(p))));
  }

  /** Removes downloaded packages that are not among these, if they were not touched for a week. */
  async pruneExcept(packages: readonly DebianPackage[]): Promise<void> {
    const keep = new Set(packages.map(debFileName));
    for (const name of await readdir(this.#debs)) {
      const path = join(this.#debs, name);
      if (!name.endsWith('.deb') || keep.has(name)) continue;
      if (Date.now() - (await stat(path)).ctimeMs > 7 * UPDATE_EVERY_MS)
        await rm(path, { force: true });
    }
  }
}

/** The file name that apt gives a package: an epoch's colon is written as %3a. */
export function debFileName({ name, version, architecture }: DebianPackage): string {
  return `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`;
}

/** Reads what `apt-cache show` prints. */
export function parsePackages(text: string): DebianPackage[] {
  const packages: DebianPackage[] = [];
  for (const stanza of text.split(/\n\n+/)) {
    const field = (name: string): string =>
      new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
    if (field('Package') === '') continue;
    const depends = [field('Pre-Depends'), field('Depends')]
      .flatMap((list) => list.split(','))
      .map((alternatives) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(alternatives)?.[1] ?? '')
      .filter(Boolean);
    packages.push({
      name: field('Package'),
      version: field('Version'),
      architecture: field('Architecture'),
      depends,
    });
  }
  return packages;
}

/** Reads what `apt-cache showsrc` prints. */
export function parseSources(text: string): SourcePackage[] {
  const packages: SourcePackage[] = [];
  for (const stanza of text.split(/\n\n+/)) {
    const field = (name: string): string =>
      new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
    const [, sha256, archive] = /^ ([0-9a-f]{64}) \d+ (\S+\.orig\.tar\.\w+)$/m.exec(stanza) ?? [];
    if (field('Package') === '' || sha256 === undefined || archive === undefined) continue;
    packages.push({ name: field('Package'), version: field('Version'), archive, sha256 });
  }
  return packages;
}

function machineSources(
  env: NodeJS.ProcessEnv,
  etc: string,
): { codename: string; sources: AptSource[] } {
  const codename =
    /^VERSION_CODENAME=(\w+)/m.exec(readFileSync(join(etc, 'os-release'), 'utf8'))?.[1] ?? '';
  const found: AptSource[] = [];
  const list = join(etc, 'apt/sources.list');
  if (existsSync(list)) found.push(...parseOneLine(readFileSync(list, 'utf8')));
  const parts = join(etc, 'apt/sources.list.d');
  for (const name of existsSync(parts) ? readdirSync(parts).sort() : []) {
    const text = (): string => readFileSync(join(parts, name), 'utf8');
    if (name.endsWith('.sources')) found.push(...parseDeb822(text()));
    if (name.endsWith('.list')) found.push(...parseOneLine(text()));
  }
  const sources = releaseSources(found, codename, env['MIRROR'] || undefined);
  if (sources.length === 0) {
    throw new SdmError(
      'SDM_MISSING',
      `${join(etc, 'apt')} names no source of Debian "${codename}" (component main). Add one, ` +
        'as apt itself would need it, and try again.',
    );
  }
  return { codename, sources };
}

async function replaceFile(path: string, text: string, options: { mode: number }): Promise<void> {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, text, options);
  await rename(temporary, path);
}

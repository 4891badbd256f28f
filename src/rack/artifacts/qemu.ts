import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, hashFiles, hashOf } from '../../common/cache.js';
import { run, type RunOptions, type RunResult } from '../../common/exec.js';
import type { Context } from './context.js';
import type { ArtifactOptions } from './index.js';
import { contextOf } from './open.js';
import { ensureQemuSource, QEMU_SERIES, type QemuSource } from './qemu-source.js';

/** What the build is made of, in this project. */
const INPUTS = ['build', 'devices', QEMU_SERIES].map((name) => `qemu-patches/${name}`);
/** What of Debian, besides the compiler, is in QEMU or in what it is linked with. */
const LIBRARIES = ['libc6-dev', 'libfdt-dev', 'libglib2.0-dev', 'libslirp-dev', 'zlib1g-dev'];
/** Minutes on two idle cores, twenty with five others at work there; machines are slower, too. */
const BUILD_TIMEOUT_MS = 90 * 60_000;
/** Each patch is a build, though of little more than it changes. */
const SERIES_TIMEOUT_MS = 6 * 3_600_000;
/** One build takes 60 MB of it; shared with the kernels of our own. */
const CCACHE_SIZE = '1G';

export type QemuTarget = 'aarch64' | 'x86_64';

export interface QemuOptions extends ArtifactOptions {
  /** What the machines are. Default aarch64, as bricks are. */
  readonly target?: QemuTarget;
  /** With ASan and UBSan, and few devices: for the series' own tests, several times slower. */
  readonly sanitize?: boolean;
}

/** QEMU with this project's series; paths in the cache, never changed afterwards. */
export interface Qemu {
  /** Takes firmware from where Debian's packages have it. */
  readonly binary: string;
  /** Of the QEMU that the series is applied to, e.g. "10.0.2". */
  readonly version: string;
  /** What qemu-patches/run-tests is given: `binary` and programs that test it. */
  readonly out: string;
}

/**
 * Builds QEMU with the series in qemu-patches/ by qemu-patches/build, or finds it in the cache.
 * Needs minutes and a network the first time; afterwards it looks once a day whether Debian has a
 * newer release of the same series. docs/qemu.md says what it is for.
 * @throws as ensureArtifacts() does.
 */
export async function ensureQemu(options: QemuOptions = {}): Promise<Qemu> {
  const { target = 'aarch64', sanitize = false } = options;
  const out = await ensureBuilt(await contextOf(options), target, sanitize);
  return {
    binary: join(out, `qemu-system-${target}`),
    version: readFileSync(join(out, 'version'), 'utf8').trim(),
    out,
  };
}

async function ensureBuilt(
  context: Context,
  target: QemuTarget,
  sanitize: boolean,
): Promise<string> {
  const { cache, progress, project, signal } = context;
  const source = await ensureQemuSource(context);
  const args = ['--target', target, '--test-programs'];
  if (sanitize) args.push('--asan', '--few-devices');
  const dir = await cached({
    cache,
    // One kind each: of a kind only the newest entries are kept.
    kind: `qemu-${target}${sanitize ? '-sanitized' : ''}`,
    key: hashOf(source.key, await machineKey(signal), hashFiles(project, INPUTS), ...args),
    signal,
    lockTimeoutMs: BUILD_TIMEOUT_MS,
    make: async (to) => {
      const name = `Build QEMU ${source.version} for ${target}${sanitize ? ', with sanitizers' : ''}`;
      await progress.step(name, async (report) => {
        await runBuild(context, source, [...args, source.archive, join(to, 'out')], {
          onLine: (line) => {
            progress.trace(line);
            if (/^[A-Za-z]+: \d+ s$/.test(line)) report(line);
          },
        });
      });
    },
  });
  return join(dir, 'out');
}

/** What of this machine is in what it builds. */
async function machineKey(signal: AbortSignal | undefined): Promise<string> {
  const { stdout: compiler } = await run(['gcc', '--version'], { signal });
  // A library that is not there is left out; if it is needed, QEMU's configure says so.
  const { stdout: libraries } = await run(
    ['dpkg-query', '--show', '--showformat', '${Package} ${Version}\n', ...LIBRARIES],
    { signal, okCodes: [0, 1] },
  );
  return hashOf(process.arch, compiler, libraries);
}

function runBuild(
  { cache, env, project, signal }: Context,
  source: QemuSource,
  args: readonly string[],
  options: Pick<RunOptions, 'okCodes' | 'onLine' | 'timeoutMs'>,
): Promise<RunResult> {
  return run([join(project, 'qemu-patches/build'), ...args], {
    signal,
    timeoutMs: BUILD_TIMEOUT_MS,
    env: {
      CCACHE_DIR: join(cache, 'ccache'),
      CCACHE_MAXSIZE: CCACHE_SIZE,
      ...env,
      // Debian's: tools are for it, and the cache's key knows of no other.
      PYTHON: '/usr/bin/python3',
      PYTHONPATH: source.tools,
    },
    ...options,
  });
}

/** What of qemu-patches/build needs the sources, but leaves nothing. */
export interface SeriesCheck {
  /** Arguments before SOURCE; without an OUT only `--checkpatch` works. */
  readonly args: readonly string[];
  /** A directory that is not there yet. */
  readonly out?: string;
  /** Called with every line. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs qemu-patches/build by itself, with the sources and the tools of ensureQemu().
 * @returns its exit code: 0 or 1.
 * @throws as ensureArtifacts() does.
 */
export async function checkSeries(
  check: SeriesCheck,
  options: ArtifactOptions = {},
): Promise<number> {
  const context = await contextOf(options);
  const source = await ensureQemuSource(context);
  const out = check.out === undefined ? [] : [check.out];
  const argv = [...check.args, source.archive, ...out];
  const { code } = await runBuild(context, source, argv, {
    okCodes: [0, 1],
    onLine: check.onLine,
    timeoutMs: SERIES_TIMEOUT_MS,
  });
  return code;
}

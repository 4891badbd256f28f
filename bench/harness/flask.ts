import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, hashOf } from '../../src/common/cache.js';
import { SdmError } from '../../src/common/errors.js';
import { run } from '../../src/common/exec.js';
import { cacheDir, projectDir } from '../../src/common/paths.js';
import { Progress } from '../../src/common/progress.js';
import { PrivateApt, type DebianPackage } from '../../src/rack/artifacts/apt.js';
import type { Context } from '../../src/rack/artifacts/context.js';
import { unpack } from '../../src/rack/artifacts/kernel.js';

/** Debian's own: its packages are for no other. */
const PYTHON = '/usr/bin/python3';
const PACKAGES = ['python3-flask', 'python3-flask-restful', 'python3-gunicorn'];
const MODULES = 'usr/lib/python3/dist-packages';
const IMPORT = ['-c', 'import flask, flask_restful, gunicorn'];

export interface Python {
  readonly python: string;
  /** Where it finds them. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A Python with Flask, Flask-RESTful and gunicorn: this machine's where it has them, else with Debian's packages
 * unpacked in the cache and compiled as their installation would. Goes to the network once.
 * @throws SDM_MISSING: there is no Debian python3, or no such packages; SDM_COMMAND.
 */
export async function ensureFlask(signal: AbortSignal): Promise<Python> {
  const { stdout: version } = await run([PYTHON, '--version'], {
    signal,
    hint: 'It comes with the package python3.',
  });
  const installed = await run([PYTHON, ...IMPORT], { signal, env: {}, okCodes: [0, 1] });
  if (installed.code === 0) return { python: PYTHON, env: {} };
  const progress = new Progress({ stream: process.stderr });
  const context: Context = {
    cache: cacheDir(),
    project: projectDir(),
    progress,
    signal,
    env: process.env,
  };
  const release = readFileSync('/etc/os-release', 'utf8');
  const dir = await cached({
    cache: context.cache,
    kind: 'flask',
    key: hashOf('1', version, release, ...PACKAGES),
    signal,
    make: (to) =>
      progress.step(`Fetch ${PACKAGES.join(' and ')} for the bench`, () => make(context, to)),
  });
  return { python: PYTHON, env: { PYTHONPATH: join(dir, MODULES) } };
}

async function make(context: Context, to: string): Promise<void> {
  const { signal } = context;
  const apt = await PrivateApt.open(context);
  await apt.update();
  await unpack(context, apt, await pythonClosure(apt), to);
  const modules = join(to, MODULES);
  await run([PYTHON, '-m', 'compileall', '-q', modules], { signal, env: {} });
  await run([PYTHON, ...IMPORT], { signal, env: { PYTHONPATH: modules } });
}

/** The packages and the Python modules that they depend on; python3 itself is this machine's. */
async function pythonClosure(apt: PrivateApt): Promise<DebianPackage[]> {
  const found = new Map<string, DebianPackage>();
  for (let wanted = PACKAGES; wanted.length > 0;) {
    const level = await apt.show(wanted);
    for (const each of level) found.set(each.name, each);
    const lost = wanted.filter((name) => !found.has(name));
    if (lost.length > 0) {
      throw new SdmError(
        'SDM_MISSING',
        `the Debian sources of this machine lack ${lost.join(', ')}`,
      );
    }
    const needed = new Set(level.flatMap(({ depends }) => depends));
    wanted = [...needed].filter((name) => name.startsWith('python3-') && !found.has(name));
  }
  return [...found.values()];
}

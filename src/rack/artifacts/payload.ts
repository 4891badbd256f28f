import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { cached, hashFiles, hashOf } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import { run } from '../../common/exec.js';
import { packageVersion } from '../../common/version.js';
import type { Context } from './context.js';
import { writeCpio, type CpioEntry } from './cpio.js';
import { ensureDist } from './dist.js';
import { filesBelow } from './initrd.js';

const RECIPE = '1';
const BUNDLE = 'dist/bundle';
const TOOLS = 'tools/guest';
const COMPILE = ['-std=gnu17', '-O2', '-static', '-Wall', '-Wextra'];
/** What decides how the addon comes out. All must be there: one that moved would never count again. */
export const ADDON_SOURCES = [
  'native/abi',
  'native/src',
  'native/cmake',
  'binding.gyp',
  'CMakeLists.txt',
  'scripts/build-addon.mjs',
  'scripts/lib',
  // The versions of cmake-js and of Node's headers; an installed package has no lock file.
  'package.json',
];
const ADDON_TIMEOUT_MS = 15 * 60_000;

/** Where things of this project lie in a guest; `bindings` finds the addon from the bundle. */
const GUEST = {
  bundle: '/opt/sdm/dist/bundle',
  addon: '/opt/sdm/build/Release/sdm_native.node',
  manifest: '/opt/sdm/package.json',
  programs: '/opt/sdm/bin',
  modules: '/opt/sdm',
};

/** Marks the root of the package, from which the addon is looked for. */
const MANIFEST = `${JSON.stringify({ name: 'sdm', version: packageVersion(), type: 'module' })}\n`;

/** What a shell in the guest runs for `sdm-agent`. */
const AGENT_COMMAND = `#!/bin/sh
exec /usr/bin/node ${GUEST.bundle}/sdm-agent.cjs "$@"
`;

/** What is made of this project's sources alone: paths of directories. */
export interface Programs {
  readonly bundle: string;
  readonly addon: string;
  readonly tools: string;
}

/** The part of the payload that needs neither kernel nor network. */
export async function ensurePrograms(context: Context): Promise<Programs> {
  await ensureDist(context);
  const [addon, tools] = [await ensureAddon(context), await ensureTools(context)];
  return { bundle: join(context.project, BUNDLE), addon, tools };
}

/** This project's part of a guest: agent, addon, kernel modules, test programs; below /opt/sdm. */
export async function ensurePayload(
  context: Context,
  { bundle, addon, tools }: Programs,
  modules: string,
): Promise<string> {
  const dir = await cached({
    cache: context.cache,
    kind: 'payload',
    key: hashOf(
      RECIPE,
      hashFiles(context.project, [BUNDLE]),
      addon,
      tools,
      modules,
      AGENT_COMMAND,
      MANIFEST,
    ),
    signal: context.signal,
    make: async (to) => {
      const entries: CpioEntry[] = [
        ...filesBelow(bundle, GUEST.bundle),
        { path: GUEST.manifest, data: MANIFEST },
        { path: GUEST.addon, data: readFileSync(join(addon, 'sdm_native.node')) },
        { path: join(GUEST.programs, 'sdm-agent'), mode: 0o755, data: AGENT_COMMAND },
        ...readdirSync(tools).map((name) => ({
          path: join(GUEST.programs, name),
          mode: 0o755,
          data: readFileSync(join(tools, name)),
        })),
        ...readdirSync(modules)
          .filter((name) => name.endsWith('.ko'))
          .map((name) => ({
            path: join(GUEST.modules, name),
            data: readFileSync(join(modules, name)),
          })),
      ];
      await writeFile(join(to, 'payload.cpio'), writeCpio(entries));
    },
  });
  return join(dir, 'payload.cpio');
}

/** The addon for arm64. Its directory holds sdm_native.node. */
async function ensureAddon({ cache, progress, project, signal }: Context): Promise<string> {
  return cached({
    cache,
    kind: 'addon-arm64',
    key: hashOf('1', hashFiles(project, ADDON_SOURCES)),
    signal,
    make: async (to) => {
      requireCmakeJs(project);
      await progress.step('Build the addon for arm64', () =>
        run(
          [
            process.execPath,
            join(project, 'scripts/build-addon.mjs'),
            '--arch',
            'arm64',
            '--out',
            to,
          ],
          { cwd: project, signal, timeoutMs: ADDON_TIMEOUT_MS, onLine: progress.trace },
        ),
      );
      if (!existsSync(join(to, 'sdm_native.node'))) {
        throw new SdmError(
          'SDM_ARTIFACT',
          `scripts/build-addon.mjs --arch arm64 ended well but left no sdm_native.node in ${to}.`,
        );
      }
    },
  });
}

/**
 * Only developers of this project need it otherwise, so an installed package comes without.
 * @throws SdmError SDM_MISSING.
 */
function requireCmakeJs(project: string): void {
  const require = createRequire(join(project, 'package.json'));
  try {
    require.resolve('cmake-js/package.json');
  } catch {
    throw new SdmError(
      'SDM_MISSING',
      'the addon of bricks is built with cmake-js, which is not installed. In a clone of this ' +
        'project run "npm ci --ignore-scripts"; where the package sdm is installed run ' +
        `"npm install cmake-js@${cmakeJsVersion(project)}" beside it, and try again.`,
    );
  }
}

function cmakeJsVersion(project: string): string {
  const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
    devDependencies?: Record<string, string>;
  };
  return manifest.devDependencies?.['cmake-js'] ?? 'latest';
}

/** The programs of the guest: C, each of one source and linked statically, and scripts of its shell. */
async function ensureTools({ cache, progress, project, signal }: Context): Promise<string> {
  return cached({
    cache,
    kind: 'tools',
    key: hashOf('2', ...COMPILE, hashFiles(project, [TOOLS])),
    signal,
    make: async (to) => {
      await progress.step('Build the programs of guests', async () => {
        await mkdir(to, { recursive: true });
        const sources = readdirSync(join(project, TOOLS));
        for (const script of sources.filter((name) => name.endsWith('.sh'))) {
          await cp(join(project, TOOLS, script), join(to, basename(script, '.sh')));
        }
        for (const source of sources.filter((name) => name.endsWith('.c'))) {
          await run(
            [
              'aarch64-linux-gnu-gcc',
              ...COMPILE,
              '-s',
              '-o',
              join(to, basename(source, '.c')),
              join(project, TOOLS, source),
            ],
            { signal, onLine: progress.trace },
          );
        }
      });
    },
  });
}

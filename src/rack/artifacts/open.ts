import { mkdir } from 'node:fs/promises';
import { cacheDir, projectDir } from '../../common/paths.js';
import { Progress } from '../../common/progress.js';
import { PrivateApt } from './apt.js';
import type { Context } from './context.js';
import type { ArtifactOptions } from './index.js';
import { resolvePackages, type Resolution } from './resolution.js';

/** What parts beside those of a brick are made with. */
export interface Opened {
  readonly context: Context;
  readonly apt: PrivateApt;
  /** Of the bricks: what is made of it agrees with their kernel. */
  readonly resolution: Resolution;
}

/** Makes the cache's directory; looks at nothing else yet. */
export async function contextOf(options: ArtifactOptions): Promise<Context> {
  const { env = process.env, progress = new Progress(), signal } = options;
  const cache = options.cache ?? cacheDir(env);
  await mkdir(cache, { recursive: true });
  return { cache, project: projectDir(), progress, signal, env };
}

/** @throws as ensureArtifacts() does. */
export async function openArtifacts(options: ArtifactOptions = {}): Promise<Opened> {
  const context = await contextOf(options);
  const apt = await PrivateApt.open(context);
  return { context, apt, resolution: await resolvePackages(context, apt) };
}

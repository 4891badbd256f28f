import type { Progress } from '../../common/progress.js';

/** What every part of making artifacts is handed. */
export interface Context {
  /** The root of the cache. */
  readonly cache: string;
  /** The root of the project. */
  readonly project: string;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
  readonly env: NodeJS.ProcessEnv;
}

import type { Observation } from '../observe/index.js';
import type { AgentCore } from '../types.js';
import type { Brick } from './brick-schema.js';

/** What routes work on; a test hands in its own. */
export interface ApiContext {
  readonly brick: string;
  readonly agent: AgentCore;
  /** Looks at the whole brick: what `sdm-agent probe` prints. */
  readonly probe: () => Promise<Brick>;
  /** Of this brick, for commands that name one; default: those of the interfaces. */
  readonly addresses?: readonly string[] | undefined;
  /** What the core tells; without it there are no events, and only the API counts. */
  readonly observation?: Observation;
}

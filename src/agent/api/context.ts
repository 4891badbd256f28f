import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { TSchema } from 'typebox';
import type { Observation } from '../observe/index.js';
import type { AgentCore } from '../types.js';
import type { Brick } from './brick-schema.js';
import { ref } from './forms.js';
import { ErrorAnswer } from './schemas.js';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

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

/** Any route may refuse or fail; the form of the answer is always the same. */
export const failures = { '4xx': ref(ErrorAnswer), '5xx': ref(ErrorAnswer) } as const;

/** An answer's schema by status, the failures added. */
export const answers = <S extends Record<number, TSchema>>(success: S) => ({
  ...success,
  ...failures,
});

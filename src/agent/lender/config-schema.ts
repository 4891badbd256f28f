/** The configuration of a lender as it is written; docs/lender.md has it for people. */
import { Type, type Static } from 'typebox';
import { LOG_LEVELS } from '../../common/log.js';
import { closed, Hex, Milliseconds } from '../../common/server/forms.js';
import { ListenConfig } from '../../common/server/listen-config.js';
import { DEFAULT_SOCKET, DEFAULT_STATE_DIR, QUEUE_MS } from '../defaults.js';

export const DEFAULT_SEGMENT_SIZE = 1n << 28n;
/** For one scrub: of a GiB at most, or of one segment that is larger. */
export const SCRUB_MS = 60_000;
/** Scrubs at a time. */
export const SCRUB_PARALLEL = 2;

const Path = (description: string, rest: { readonly default?: string } = {}) =>
  Type.String({ pattern: '^/', description, expected: 'an absolute path', ...rest });

export const LenderConfigFile = Type.Object(
  {
    $schema: Type.Optional(
      Type.String({
        description: 'for editors: where `sdm-agent config schema --role memory` was written to',
      }),
    ),
    role: Type.Literal('memory', { description: 'this brick lends memory' }),
    brick: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
      description: 'name of this brick',
      expected: '1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit',
    }),
    pool: Type.Object(
      { path: Path('file or device that has the bytes') },
      { ...closed, description: 'the memory that is lent' },
    ),
    base: Hex('where in it the part of this lender begins: remote address of segment 0'),
    size: Hex('bytes of that part: whole segments'),
    segmentSize: Type.Optional({
      ...Hex('bytes of a segment: a power of two, 64 KiB or more'),
      default: '0x10000000',
    }),
    socket: Type.Optional(Path('where the lender listens', { default: DEFAULT_SOCKET })),
    socketGroup: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'group, by name or number, whose members may command the lender',
      }),
    ),
    listen: Type.Optional(ListenConfig),
    stateDir: Type.Optional(
      Path('where the journal lies; systemd may name another ($STATE_DIRECTORY)', {
        default: DEFAULT_STATE_DIR,
      }),
    ),
    scrub: Type.Optional(
      Type.Object(
        {
          parallel: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 64,
              description: 'how many at a time',
              default: SCRUB_PARALLEL,
            }),
          ),
          timeoutMs: Type.Optional(Milliseconds('for one, of a GiB at most', SCRUB_MS)),
        },
        { ...closed, description: 'how bytes that were lent are made zero' },
      ),
    ),
    queueTimeoutMs: Type.Optional(
      Milliseconds('how long a command waits for those before it', QUEUE_MS),
    ),
    log: Type.Optional(Type.Enum(LOG_LEVELS, { description: 'least level', default: 'info' })),
  },
  closed,
);
export type LenderConfigFile = Static<typeof LenderConfigFile>;

/** As editors understand it: JSON Schema of draft 7. */
export function lenderEditorSchema(): Record<string, unknown> {
  const text = JSON.stringify(LenderConfigFile, (key, value: unknown) =>
    key === 'expected' ? undefined : value,
  );
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of sdm-agent in role memory',
    ...(JSON.parse(text) as object),
  };
}

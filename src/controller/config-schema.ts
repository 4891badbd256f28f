/** The configuration file of the controller as it is written; docs/controller.md has it for people. */
import { Type, type Static } from 'typebox';
import { LOG_LEVELS } from '../common/log.js';
import { closed } from '../common/server/forms.js';
import { DEFAULT_ADDRESS } from './defaults.js';
import { RECONCILE_OPTIONS } from './reconcile/types.js';
import { AT_ONCE, TIMEOUTS } from './synthesizer/daemons.js';

export const DEFAULT_NAME = 'rack';
export const DEFAULT_STORE = '/var/lib/sdm-controller';

const Path = (description: string, more: object = {}) =>
  Type.String({ pattern: '^/', description, expected: 'an absolute path', ...more });
const Milliseconds = (description: string, value: number, minimum = 1) =>
  Type.Optional(
    Type.Integer({
      minimum,
      maximum: 86_400_000,
      description,
      default: value,
      expected: `milliseconds, from ${minimum} to 86400000`,
    }),
  );

export const Timeouts = Type.Object(
  {
    callMs: Milliseconds('a grant, a change of ports, a question', TIMEOUTS.callMs),
    attachMs: Milliseconds(
      'an attach: the agent waits for its link and onlines each block',
      TIMEOUTS.attachMs,
    ),
    detachMs: Milliseconds('a detach: the agent offlines each block', TIMEOUTS.detachMs),
    scrubMs: Milliseconds('a scrub: the lender zeroes and reads back', TIMEOUTS.scrubMs),
    retryMs: Milliseconds(
      'how long what failed in passing is tried again; 0: not at all',
      TIMEOUTS.retryMs,
      0,
    ),
  },
  { ...closed, description: 'deadlines of what is asked of bricks, lenders and switches' },
);

export const Reconcile = Type.Object(
  {
    intervalMs: Milliseconds(
      'between two looks at a daemon that answers',
      RECONCILE_OPTIONS.intervalMs,
    ),
    lookMs: Milliseconds('for a question to a daemon', RECONCILE_OPTIONS.lookMs),
    lostAfterMs: Milliseconds(
      'a brick that has not answered for so long is lost',
      RECONCILE_OPTIONS.lostAfterMs,
    ),
    maxBackoffMs: Milliseconds(
      'longest time between two looks at a daemon that does not answer',
      RECONCILE_OPTIONS.maxBackoffMs,
    ),
    beginMs: Milliseconds(
      'for what a start ends of the run before; the rest goes on behind',
      RECONCILE_OPTIONS.beginMs,
    ),
    atOnce: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1024,
        description: 'looks at once',
        default: RECONCILE_OPTIONS.atOnce,
      }),
    ),
  },
  { ...closed, description: 'how often it is looked whether all is as it should be' },
);

export const ConfigFile = Type.Object(
  {
    $schema: Type.Optional(
      Type.String({
        description: 'for editors: where `sdm-controller config schema` was written to',
      }),
    ),
    name: Type.Optional(
      Type.String({
        pattern: '^(?!local$)[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
        description: 'who commands, as agents and lenders show it',
        default: DEFAULT_NAME,
        expected:
          '1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit; not "local"',
      }),
    ),
    topology: Path('the topology file: docs/topology.md'),
    store: Type.Optional(
      Path('directory of the database; systemd may name another ($STATE_DIRECTORY)', {
        default: DEFAULT_STORE,
      }),
    ),
    listen: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^(unix:/|https?://)',
          maxLength: 512,
          expected: 'an address: "unix:/path", "http://127.0.0.1:8080" or "https://host:port"',
        }),
        {
          minItems: 1,
          maxItems: 16,
          description: 'where it listens',
          default: [DEFAULT_ADDRESS],
        },
      ),
    ),
    socketGroup: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'group, by name or number, whose members may use its Unix sockets',
      }),
    ),
    pki: Type.Optional(
      Path(
        'directory made by `sdm pki issue --role controller`: for https, both as server and client',
      ),
    ),
    tokens: Type.Optional(Path('file of tokens, made by `sdm pki token`')),
    policy: Type.Optional(
      Type.String({
        description: 'where a request that names none goes: docs/reservation.md',
        default: 'nearest',
      }),
    ),
    pathUtil: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 100,
        description: 'percent of a path that a request takes that does not say',
        default: 0,
      }),
    ),
    timeouts: Type.Optional(Timeouts),
    atOnce: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 64,
        description: 'calls under way at one daemon; more wait',
        default: AT_ONCE,
      }),
    ),
    reconcile: Type.Optional(Reconcile),
    log: Type.Optional(Type.Enum(LOG_LEVELS, { description: 'least level', default: 'info' })),
  },
  closed,
);
export type ConfigFile = Static<typeof ConfigFile>;

/** The schema as editors understand it: JSON Schema of draft 7. */
export function editorSchema(): Record<string, unknown> {
  const text = JSON.stringify(ConfigFile, (key, value: unknown) =>
    key === 'expected' ? undefined : value,
  );
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of sdm-controller',
    ...(JSON.parse(text) as object),
  };
}

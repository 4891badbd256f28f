/** The configuration file as it is written; docs/agent-cli.md has it for people. */
import { Type, type Static } from 'typebox';
import { LOG_LEVELS } from '../common/log.js';
import { closed, Hex, Milliseconds } from '../common/server/forms.js';
import { ListenConfig } from '../common/server/listen-config.js';
import {
  DEFAULT_NODE,
  DEFAULT_SOCKET,
  DEFAULT_STATE_DIR,
  LINK_MS,
  LINK_POLL_MS,
  OFFLINE_MS,
  QUEUE_MS,
} from './defaults.js';
import { BACKEND_CHOICES, MEMORY_WAYS } from './types.js';

const PCI_PATTERN = '^(auto|[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7])$';

const Path = (description: string, rest: { readonly default?: string } = {}) =>
  Type.String({ pattern: '^/', description, expected: 'an absolute path', ...rest });
const Pci = (description: string) =>
  Type.String({
    pattern: PCI_PATTERN,
    description,
    default: 'auto',
    expected: '"auto" or a PCI address such as "0000:00:02.0"',
  });
const check = (description: string) => Type.Optional(Type.Boolean({ description, default: true }));

/** The file as it is written; `AgentConfig` is what comes of it. `default` is for readers only. */
export const ConfigFile = Type.Object(
  {
    $schema: Type.Optional(
      Type.String({ description: 'for editors: where `sdm-agent config schema` was written to' }),
    ),
    brick: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
      description: 'name of this brick',
      expected: '1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit',
    }),
    registers: Type.Object(
      {
        backend: Type.Enum(BACKEND_CHOICES, {
          description:
            'bar: in a PCI device that no driver holds; sysfs: through the driver sdmc; uio: in a UIO ' +
            'device; auto: the one of these that there is; file: this brick is a plain process',
        }),
        pci: Type.Optional(
          Pci('backend auto, bar, sysfs: the device that has the registers; auto: by its ID'),
        ),
        uio: Type.Optional(
          Type.String({
            pattern: '^(auto|uio(0|[1-9][0-9]{0,5}))$',
            description: 'backend uio: the UIO device that has the registers; auto: by its ID',
            default: 'auto',
            expected: '"auto" or a UIO device such as "uio0"',
          }),
        ),
        device: Type.Optional(
          Type.String({
            pattern: '^[A-Za-z0-9][A-Za-z0-9@:,._-]{0,127}$',
            description:
              'backend auto, sysfs, uio: the device by its name, such as "a0000000.memport", for what is ' +
              'no PCI device; in the place of pci or uio',
            expected: 'the name of a device, such as "a0000000.memport"',
          }),
        ),
        path: Type.Optional(Path('backend file: the register file')),
      },
      { ...closed, description: 'where the memports of this brick are' },
    ),
    pool: Type.Optional(
      Type.Object(
        {
          pci: Type.Optional(Pci('but for backend file: the device whose BAR is the pool')),
          path: Type.Optional(Path('backend file: the pool as a plain file')),
        },
        { ...closed, description: 'the memory of all lenders, as this brick reaches it' },
      ),
    ),
    shares: Type.Optional(
      Type.Array(
        Type.Object(
          {
            start: Hex('offset in the pool, bytes'),
            size: Hex('bytes'),
            shared: Type.Optional(
              Type.Boolean({ description: 'other bricks use it too', default: false }),
            ),
          },
          closed,
        ),
        { maxItems: 1024, description: 'what of the pool this brick may use', default: [] },
      ),
    ),
    socket: Type.Optional(Path('where the agent listens', { default: DEFAULT_SOCKET })),
    socketGroup: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'group, by name or number, whose members may command the agent',
      }),
    ),
    listen: Type.Optional(ListenConfig),
    node: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1023,
        description: 'NUMA node that remote memory joins',
        default: DEFAULT_NODE,
      }),
    ),
    memory: Type.Optional(
      Type.Object(
        {
          way: Type.Optional(
            Type.Enum(MEMORY_WAYS, {
              description:
                "module: by sdmc_mem; kmem: by the kernel's own drivers dax_hmem and kmem",
              default: 'module',
            }),
          ),
          memmapOnMemory: Type.Optional(
            Type.Boolean({
              description: 'the kernel keeps the map of its pages in the range itself',
              default: false,
            }),
          ),
        },
        { ...closed, description: 'how remote memory becomes RAM' },
      ),
    ),
    offlineTimeoutMs: Type.Optional(
      Milliseconds('for all blocks of one detach together', OFFLINE_MS),
    ),
    linkTimeoutMs: Type.Optional(
      Milliseconds('how long an attach waits for its transceiver', LINK_MS),
    ),
    queueTimeoutMs: Type.Optional(
      Milliseconds('how long a command waits for those before it', QUEUE_MS),
    ),
    linkPollMs: Type.Optional(
      Type.Integer({
        minimum: 10,
        maximum: 60_000,
        description: 'how often the links are looked at',
        default: LINK_POLL_MS,
      }),
    ),
    stateDir: Type.Optional(
      Path('where the journal lies; systemd may name another ($STATE_DIRECTORY)', {
        default: DEFAULT_STATE_DIR,
      }),
    ),
    addresses: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        maxItems: 64,
        description:
          'IP addresses that a D4.4 command may name as cIP; default: those of the interfaces',
      }),
    ),
    checks: Type.Optional(
      Type.Object(
        {
          alignment: check('start, size and remote are multiples of the granule'),
          remoteOverlap: check('no two memports lead to the same remote bytes'),
        },
        { ...closed, description: 'refusals of the agent that can be switched off' },
      ),
    ),
    log: Type.Optional(Type.Enum(LOG_LEVELS, { description: 'least level', default: 'info' })),
  },
  closed,
);
export type ConfigFile = Static<typeof ConfigFile>;

const withBackend = (backend: string) => ({
  properties: { registers: { properties: { backend: { const: backend } } } },
});
/** Which keys go together: what the agent checks by itself, since it says it better. */
const RULES = [
  {
    if: withBackend('file'),
    then: {
      properties: {
        registers: { required: ['path'], properties: { pci: false, uio: false, device: false } },
        memory: false,
        pool: { required: ['path'], properties: { pci: false } },
      },
    },
    else: {
      properties: {
        registers: { properties: { path: false } },
        pool: { required: ['pci'], properties: { path: false } },
      },
    },
  },
  {
    if: withBackend('uio'),
    then: { properties: { registers: { properties: { pci: false } } } },
    else: { properties: { registers: { properties: { uio: false } } } },
  },
  {
    if: withBackend('bar'),
    then: { properties: { registers: { properties: { device: false } } } },
  },
  {
    properties: {
      registers: {
        dependencies: { device: { properties: { pci: false, uio: false } } },
      },
    },
  },
];

/** The schema as editors understand it: JSON Schema of draft 7, which all of them know. */
export function editorSchema(): Record<string, unknown> {
  const text = JSON.stringify(ConfigFile, (key, value: unknown) =>
    key === 'expected' ? undefined : value,
  );
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of sdm-agent',
    ...(JSON.parse(text) as object),
    allOf: RULES,
  };
}

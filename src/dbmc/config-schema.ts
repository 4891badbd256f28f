/** The configuration file of a tray as it is written; docs/dbmc.md has it for people. */
import { Type, type Static } from 'typebox';
import { LOG_LEVELS } from '../common/log.js';
import { closed } from '../common/server/forms.js';
import { BRICK_ID_PATTERN, BRICK_ID_EXPECTED } from '../controller/inventory/brick-id.js';
import { BRICK_TYPES } from './board/types.js';
import { SWITCH_KINDS } from './board/cross-connect.js';

const ADDRESS = '^(unix:/|https?://)';
const ADDRESS_EXPECTED = 'an address: "unix:/path", "http://127.0.0.1:7001" or "https://host:port"';
const Path = (description: string) =>
  Type.String({ pattern: '^/', description, expected: 'an absolute path' });
const BrickId = (description: string) =>
  Type.String({ pattern: BRICK_ID_PATTERN, description, expected: BRICK_ID_EXPECTED });
export const SWITCH_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$';
const SwitchId = Type.String({
  pattern: SWITCH_PATTERN,
  expected: '1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit',
});
const End = (pattern: string, expected: string) => Type.String({ pattern, expected });

export const ConfigFile = Type.Object(
  {
    role: Type.Optional(
      Type.Enum(['tray', 'rack'], {
        description: "tray: bricks, and the switches of their box; rack: the rack's own switches",
        default: 'tray',
      }),
    ),
    id: Type.String({
      pattern: '^(0|[1-9][0-9]{0,4})(\\.(0|[1-9][0-9]{0,4}){1}\\.(0|[1-9][0-9]{0,4}))?$',
      description: 'which tray this is; in role rack: which rack',
      expected: 'rack.box.tray, such as "0.2.1", or with role "rack" a rack, such as "0"',
    }),
    listen: Type.String({
      pattern: ADDRESS,
      maxLength: 512,
      description: 'where the daemon listens; http on this machine only',
      expected: ADDRESS_EXPECTED,
    }),
    pki: Type.Optional(Path('certificates for https, made by `sdm pki issue`')),
    tokens: Type.Optional(Path('hashes of tokens, made by `sdm pki token`')),
    stateDir: Path('where what the board is told is kept'),
    topology: Type.Optional(
      Path('a topology file to take bricks, switches and links of this tray from'),
    ),
    bricks: Type.Optional(
      Type.Array(
        Type.Object(
          {
            id: BrickId('rack.box.brick'),
            type: Type.Enum(BRICK_TYPES),
            transceivers: Type.Integer({ minimum: 1, maximum: 16 }),
          },
          closed,
        ),
        { maxItems: 16, description: 'what sits in the slots; in the place of `topology`' },
      ),
    ),
    switches: Type.Optional(
      Type.Array(
        Type.Object(
          {
            id: SwitchId,
            kind: Type.Enum(SWITCH_KINDS),
            ports: Type.Integer({ minimum: 2, maximum: 65_536 }),
          },
          closed,
        ),
        { maxItems: 64, description: 'in the place of `topology`' },
      ),
    ),
    links: Type.Optional(
      Type.Array(
        Type.Object(
          {
            transceiver: End(
              `${BRICK_ID_PATTERN.slice(0, -1)}/(0|[1-9][0-9]?)$`,
              'BRICK/TRANSCEIVER, such as "0.0.9/1"',
            ),
            port: End(
              `${SWITCH_PATTERN.slice(0, -1)}/(0|[1-9][0-9]{0,4})$`,
              'SWITCH/PORT, such as "dbesm-0-0/3"',
            ),
          },
          closed,
        ),
        { maxItems: 4096, description: 'what hangs on which port; in the place of `topology`' },
      ),
    ),
    registers: Type.Optional(
      Type.Record(
        Type.String({ pattern: BRICK_ID_PATTERN }),
        Type.Union([
          Type.Object({ file: Path('a register file that the brick maps') }, closed),
          Type.Object({ qmp: Path('a QMP socket of its QEMU, for this daemon alone') }, closed),
        ]),
        { description: 'by brick: where its links are brought up and down' },
      ),
    ),
    controller: Type.Optional(
      Type.String({
        pattern: ADDRESS,
        maxLength: 512,
        description: 'which controller is told of this tray',
        expected: ADDRESS_EXPECTED,
      }),
    ),
    log: Type.Optional(Type.Enum(LOG_LEVELS, { default: 'info' })),
  },
  closed,
);
export type ConfigFile = Static<typeof ConfigFile>;

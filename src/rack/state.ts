import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { sdmCommand } from '../common/called.js';
import { SdmError } from '../common/errors.js';
import { HEX_PATTERN } from '../common/units.js';
import { racksDir, rackLayout, type RackLayout } from './layout.js';
import { MAX_BRICKS } from './names.js';
import { QEMUS, type QemuKind } from './qemu-binary.js';

const closed = { additionalProperties: false } as const;
const Hex = Type.String({ pattern: HEX_PATTERN });
const Port = Type.Integer({ minimum: 1, maximum: 65535 });
const Share = Type.Object({ start: Hex, size: Hex, shared: Type.Boolean() }, closed);

/** rack.json: what cannot be derived from the rack's name. Sizes and offsets are "0x…" strings. */
export const RackState = Type.Object(
  {
    version: Type.Literal(1),
    name: Type.String(),
    /** `starting` until every brick was ready once. */
    phase: Type.Enum(['starting', 'running']),
    /** ISO 8601. */
    created: Type.String(),
    poolSize: Hex,
    memory: Hex,
    distances: Type.Tuple([Type.Integer(), Type.Integer()]),
    append: Type.String(),
    kernel: Type.String(),
    /** Racks that were made before there was a choice have none. */
    qemu: Type.Optional(Type.Enum([...QEMUS])),
    /** Of a rack with a controller: the daemons on the host. */
    control: Type.Optional(
      Type.Object(
        {
          /** "unix:/…" */
          controller: Type.String(),
          /** "http://127.0.0.1:…" */
          dbmc: Type.String(),
          lenders: Type.Array(
            Type.Object(
              { id: Type.String(), address: Type.String(), start: Hex, size: Hex },
              closed,
            ),
          ),
        },
        closed,
      ),
    ),
    bricks: Type.Array(
      Type.Object(
        {
          n: Type.Integer({ minimum: 1, maximum: MAX_BRICKS }),
          name: Type.String(),
          sshPort: Port,
          /** Where the controller reaches its agent, and what it calls the brick. */
          agentPort: Type.Optional(Port),
          id: Type.Optional(Type.String()),
          shares: Type.Array(Share),
        },
        closed,
      ),
      { minItems: 1, maxItems: MAX_BRICKS },
    ),
  },
  closed,
);
export type RackState = Static<typeof RackState>;
export type BrickState = RackState['bricks'][number];

/** What the bricks of a rack run on. */
export function qemuOf(state: RackState): QemuKind {
  return state.qemu ?? 'stock';
}

/** Writes rack.json so that a reader sees the old one or the new one, never half of it. */
export function writeState(layout: RackLayout, state: RackState): void {
  const draft = `${layout.stateFile}.new`;
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, layout.stateFile);
}

/**
 * Reads rack.json.
 * @returns undefined if there is none: no such rack, or one whose `up` died early.
 * @throws SdmError SDM_RACK_STATE if it is not what we write.
 */
export function readState(layout: RackLayout): RackState | undefined {
  let text: string;
  try {
    text = readFileSync(layout.stateFile, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unusable(layout, `cannot be read (${code})`, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unusable(layout, 'is not JSON', cause);
  }
  if (!Value.Check(RackState, value)) {
    const error = Value.Errors(RackState, value)[0];
    throw unusable(layout, `is not valid at "${error?.instancePath}": ${error?.message}`);
  }
  if (value.name !== layout.name) throw unusable(layout, `is of a rack "${value.name}"`);
  return value;
}

function unusable(layout: RackLayout, why: string, cause?: unknown): SdmError {
  return new SdmError(
    'SDM_RACK_STATE',
    `${layout.stateFile} ${why}; "${sdmCommand()} rack down --name ${layout.name}" cleans up`,
    { details: { file: layout.stateFile }, cause },
  );
}

/** Names of all racks that have a directory, sorted; whole or half-made, running or not. */
export function rackNames(racks: string = racksDir()): string[] {
  let entries: string[];
  try {
    entries = readdirSync(racks);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return entries.filter((name) => isRackDir(name, racks)).sort();
}

function isRackDir(name: string, racks: string): boolean {
  try {
    return statSync(rackLayout(name, racks).dir).isDirectory();
  } catch {
    return false; // Not a rack's name, or gone again.
  }
}

/**
 * Makes a directory that only this user can enter.
 * @throws SdmError SDM_RACK_STATE if something else is in the way, or someone else owns it.
 */
export function makePrivateDir(path: string): void {
  const refuse = (what: string, cause?: unknown): SdmError =>
    new SdmError(
      'SDM_RACK_STATE',
      `${path} ${what}; it holds keys and sockets: make it a directory of yours with mode 700, or ` +
        'remove it',
      { details: { path }, cause },
    );
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw refuse(`cannot be made (${(cause as NodeJS.ErrnoException).code})`, cause);
  }
  // Not what a link leads to: anyone may make one in /tmp, and lead it elsewhere later.
  const stat = lstatSync(path);
  if (!stat.isDirectory()) throw refuse('is no directory');
  if (stat.uid !== process.getuid?.() || (stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8);
    throw refuse(`is not private to you (owner ${stat.uid}, mode ${mode})`);
  }
}

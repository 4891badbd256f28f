import { readConfigFile } from '../common/config-file.js';
import { SdmError } from '../common/errors.js';
import type { LogLevel } from '../common/log.js';
import { explain, show } from '../common/schema-errors.js';
import { splitEnd } from '../controller/inventory/ends.js';
import type { SwitchKind } from './board/cross-connect.js';
import type { BrickType } from './board/types.js';
import type { ConfigFile } from './config-schema.js';
import { validatorOf } from './config-validator.js';
import type { LinkPlace } from './links.js';

export type { ConfigFile } from './config-schema.js';

export const DEFAULT_CONFIG_PATH = '/etc/sdm/dbmc.json';

/** What `sdm-dbmc serve` runs on. */
export interface DbmcConfig {
  readonly role: 'tray' | 'rack';
  /** "rack.box.tray", or "rack". */
  readonly id: string;
  readonly rack: number;
  /** undefined in role rack. */
  readonly box: number | undefined;
  readonly listen: string;
  readonly pki: string | undefined;
  readonly tokens: string | undefined;
  readonly stateDir: string;
  readonly bricks: readonly {
    readonly id: string;
    readonly type: BrickType;
    readonly transceivers: number;
  }[];
  readonly switches: readonly {
    readonly id: string;
    readonly kind: SwitchKind;
    readonly ports: number;
  }[];
  readonly links: readonly HungOn[];
  readonly places: ReadonlyMap<string, LinkPlace>;
  readonly controller: string | undefined;
  readonly log: LogLevel;
}

export interface HungOn {
  readonly brick: string;
  readonly transceiver: number;
  readonly switch: string;
  readonly port: number;
}

/**
 * Reads and checks a configuration file.
 * @param override keys that the command line puts in place of the file's.
 * @throws SdmError SDM_CONFIG, naming file, key, what was expected and what was found; SDM_TOPOLOGY.
 */
export async function loadConfig(
  path: string,
  override: Partial<ConfigFile> = {},
): Promise<DbmcConfig> {
  const value = await readConfigFile(path, 'or name another one with --config');
  const merged =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { ...value, ...override }
      : value;
  return parseConfig(merged, path);
}

/** The same of a value. @param file what errors call it. */
export async function parseConfig(value: unknown, file: string): Promise<DbmcConfig> {
  const validate = validatorOf('config');
  if (!validate(value)) {
    const { key, expected, found } = explain(validate.errors);
    throw fault(file, key, expected, found);
  }
  const raw = value as ConfigFile;
  const role = raw.role ?? 'tray';
  const [rack = 0, box] = raw.id.split('.').map(Number);
  if ((role === 'rack') !== (box === undefined)) {
    const expected = role === 'rack' ? 'a rack, such as "0"' : 'rack.box.tray, such as "0.2.1"';
    throw fault(file, 'id', `${expected} with role "${role}"`, raw.id);
  }
  const own = (['bricks', 'switches', 'links'] as const).find((key) => raw[key] !== undefined);
  if (raw.topology !== undefined && own !== undefined) {
    throw fault(file, own, 'no such key beside "topology", which says it', raw[own]);
  }
  const parts =
    raw.topology === undefined
      ? { bricks: raw.bricks ?? [], switches: raw.switches ?? [], links: hung(raw.links ?? []) }
      : await (await import('./from-topology.js')).partsOf(raw.topology, role, raw.id);
  checkParts(parts, raw, file, rack, box);
  return {
    role,
    id: raw.id,
    rack,
    box,
    listen: raw.listen,
    pki: raw.pki,
    tokens: raw.tokens,
    stateDir: raw.stateDir,
    ...parts,
    places: new Map(
      Object.entries(raw.registers ?? {}).map(([brick, place]) => [
        brick,
        'file' in place ? { registers: place.file } : { qmp: place.qmp },
      ]),
    ),
    controller: raw.controller,
    log: raw.log ?? 'info',
  };
}

export type Parts = Pick<DbmcConfig, 'bricks' | 'switches' | 'links'>;

function hung(links: NonNullable<ConfigFile['links']>): HungOn[] {
  return links.map(({ transceiver, port }) => {
    const [from, to] = [splitEnd(transceiver)!, splitEnd(port)!];
    return { brick: from.id, transceiver: from.end, switch: to.id, port: to.end };
  });
}

/** What single keys cannot show: that names are unique, and that links lead to what there is. */
function checkParts(
  { bricks, switches, links }: Parts,
  raw: ConfigFile,
  file: string,
  rack: number,
  box: number | undefined,
): void {
  const seen = new Set<string>();
  for (const { id } of [...bricks, ...switches]) {
    if (seen.has(id)) throw fault(file, 'bricks and switches', 'ids that are unique', id);
    seen.add(id);
  }
  for (const { id } of bricks) {
    if (id.startsWith(`${rack}.${box}.`)) continue;
    throw fault(file, 'bricks', `bricks of box ${rack}.${box ?? '-'} only`, id);
  }
  const ends = new Set<string>();
  for (const link of links) {
    const ports = switches.find(({ id }) => id === link.switch)?.ports ?? 0;
    const port = `${link.switch}/${link.port}`;
    if (link.port >= ports) throw fault(file, 'links', 'ports of switches that are here', port);
    for (const end of [port, `${link.brick}/${link.transceiver}`]) {
      if (ends.has(end)) throw fault(file, 'links', 'each end once', end);
      ends.add(end);
    }
  }
  for (const brick of Object.keys(raw.registers ?? {})) {
    if (links.some((link) => link.brick === brick)) continue;
    throw fault(file, 'registers', 'bricks of which a transceiver hangs on a port here', brick);
  }
}

function fault(file: string, key: string, expected: string, found: unknown): SdmError {
  return new SdmError(
    'SDM_CONFIG',
    `${file}: ${key === '' ? 'the configuration' : `"${key}"`}: expected ${expected}, found ${show(found)}`,
    { details: { file, key, expected, found } },
  );
}

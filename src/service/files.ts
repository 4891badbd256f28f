import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SdmError } from '../common/errors.js';

export const UNIT = 'sdm-agent.service';
export const USER = 'sdm-agent';
export const GROUP = 'sdm';
export const CONFIG = '/etc/sdm/agent.json';

/** Where files go: an administrator's places, or a package's. */
export interface Places {
  readonly units: string;
  readonly rules: string;
  readonly users: string;
}

/** What the administrator of one machine puts in place. */
const OF_MACHINE: Places = {
  units: '/etc/systemd/system',
  rules: '/etc/udev/rules.d',
  users: '/etc/sysusers.d',
};

/** @param prefix such as "/usr", for a package; undefined: the machine's own, below /etc. */
export function placesOf(prefix: string | undefined): Places {
  if (prefix === undefined) return OF_MACHINE;
  return {
    units: join(prefix, 'lib/systemd/system'),
    rules: join(prefix, 'lib/udev/rules.d'),
    users: join(prefix, 'lib/sysusers.d'),
  };
}

export interface ServiceFile {
  readonly path: string;
  readonly text: string;
  /** Made where it is missing; one that is there is the operator's. */
  readonly theirs: boolean;
}

export interface FilesOptions {
  /** The directory of the package that holds deploy/. */
  readonly project: string;
  readonly places: Places;
  /** Absolute paths that the unit runs. */
  readonly node: string;
  readonly program: string;
  /** Of the example configuration. */
  readonly brick: string;
  /** Major version of systemd; undefined: unknown. */
  readonly systemd: number | undefined;
}

/** What the unit in deploy/ names, to be replaced by what this machine has. */
const TEMPLATE = {
  node: '/usr/bin/node',
  project: '/usr/local/lib/node_modules/sdm',
  program: '/usr/local/lib/node_modules/sdm/bin/sdm-agent',
};
/** From this version on, systemd knows RestartSteps. */
const BACKOFF_SINCE = 254;

/** All that makes the agent a service, with the text that each file is to have. */
export function serviceFiles(options: FilesOptions): ServiceFile[] {
  const { project, places, systemd } = options;
  const shipped = (path: string): string => readFileSync(join(project, 'deploy', path), 'utf8');
  const files = [
    { path: join(places.users, 'sdm.conf'), text: shipped('sysusers.d/sdm.conf') },
    { path: join(places.rules, '60-sdm.rules'), text: shipped('udev/60-sdm.rules') },
    { path: join(places.units, UNIT), text: unitText(shipped(`systemd/${UNIT}`), options) },
    ...(systemd !== undefined && systemd >= BACKOFF_SINCE
      ? [
          {
            path: join(places.units, `${UNIT}.d`, '50-backoff.conf'),
            text: shipped('systemd/50-backoff.conf'),
          },
        ]
      : []),
  ].map((file) => ({ ...file, theirs: false }));
  return [...files, { path: CONFIG, text: exampleConfig(options.brick), theirs: true }];
}

/** What the unit that is in place runs; nothing of it where there is none, or its paths are quoted. */
export function programsOf(
  places: Places,
  root: string,
): { readonly node?: string; readonly program?: string } {
  const path = join(root, places.units, UNIT);
  if (!existsSync(path)) return {};
  const found = /^ExecStart=([^\s"]+) ([^\s"]+) /m.exec(readFileSync(path, 'utf8'));
  return found?.[1] === undefined || found[2] === undefined
    ? {}
    : { node: found[1].replaceAll('%%', '%'), program: found[2].replaceAll('%%', '%') };
}

/** Every path that some version of install may have written, but for the operator's own. */
export function servicePaths(places: Places): string[] {
  return [
    join(places.users, 'sdm.conf'),
    join(places.rules, '60-sdm.rules'),
    join(places.units, UNIT),
    join(places.units, `${UNIT}.d`, '50-backoff.conf'),
  ];
}

function unitText(template: string, { project, node, program }: FilesOptions): string {
  const replaced = [
    [
      `ExecStart=${TEMPLATE.node} ${TEMPLATE.program} `,
      `ExecStart=${word(node)} ${word(program)} `,
    ],
    [`file://${TEMPLATE.project}/`, `file://${encodeURI(project).replaceAll('%', '%%')}/`],
  ] as const;
  return replaced.reduce((text, [from, to]) => {
    if (!text.includes(from)) {
      throw new SdmError('SDM_INTERNAL', `deploy/systemd/${UNIT} does not name "${from}"`);
    }
    return text.replace(from, () => to);
  }, template);
}

/** One word of a command line in a unit: see "Quoting" and "Specifiers" in systemd's manual. */
function word(text: string): string {
  const escaped = text.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (!/[\s"'\\;]/.test(escaped)) return escaped;
  return `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Finds registers and pool by itself; what of the pool it may use, an operator must say. */
function exampleConfig(brick: string): string {
  const config = {
    brick,
    registers: { backend: 'auto', pci: 'auto' },
    pool: { pci: 'auto' },
    shares: [],
    socketGroup: GROUP,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG, servicePaths, UNIT, type Places, type ServiceFile } from './files.js';

/** One thing that is done, or would be. Paths are as the machine will have them, without a root. */
export type Step =
  | { readonly kind: 'write'; readonly path: string; readonly text: string; readonly why: string }
  | { readonly kind: 'keep'; readonly path: string; readonly why: string }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'run'; readonly argv: readonly [string, ...string[]]; readonly why: string };

/** Devices that are there already go through the rules again. */
const REPLAY = [
  ['--subsystem-match=pci', '--attr-match=vendor=0x1af4', '--attr-match=device=0x1110'],
  ['--subsystem-match=pci', '--attr-match=vendor=0x1af4', '--attr-match=device=0x10f0'],
  ['--subsystem-match=misc', '--sysname-match=sdm-window'],
  ['--subsystem-match=uio'],
  ['--subsystem-match=platform', '--property-match=DRIVER=sdmc'],
] as const;
const RELOAD: readonly Step[] = [
  run('systemd reads its units again', 'systemctl', 'daemon-reload'),
  run('udev reads its rules again', 'udevadm', 'control', '--reload'),
];

function run(why: string, ...argv: [string, ...string[]]): Step {
  return { kind: 'run', argv, why };
}

/**
 * What installing does.
 * @param root directory to install into, "" for this machine: only there anything is run.
 */
export function installPlan(files: readonly ServiceFile[], places: Places, root: string): Step[] {
  const steps = files.map(({ path, text, theirs }): Step => {
    const found = textOf(join(root, path));
    if (found === text) return { kind: 'keep', path, why: 'as it should be' };
    if (found !== undefined && theirs) return { kind: 'keep', path, why: 'yours' };
    return { kind: 'write', path, text, why: found === undefined ? 'new' : 'was different' };
  });
  if (root !== '') return steps;
  return [
    ...steps,
    run('user sdm-agent and group sdm', 'systemd-sysusers', join(places.users, 'sdm.conf')),
    ...RELOAD,
    ...REPLAY.map((matches) =>
      run('devices that are here already', 'udevadm', 'trigger', '--action=add', ...matches),
    ),
    run('until the rules are applied', 'udevadm', 'settle', '--timeout=30'),
  ];
}

/** What removing does: all but the operator's configuration, the journal, user and group. */
export function removePlan(places: Places, root: string): Step[] {
  const steps = servicePaths(places)
    .filter((path) => existsSync(join(root, path)))
    .map((path): Step => ({ kind: 'delete', path }));
  const kept: Step[] = existsSync(join(root, CONFIG))
    ? [{ kind: 'keep', path: CONFIG, why: 'yours' }]
    : [];
  if (root !== '') return [...steps, ...kept];
  const unit = existsSync(join(places.units, UNIT));
  return [
    ...(unit ? [run('what is attached stays', 'systemctl', 'disable', '--now', UNIT)] : []),
    ...steps,
    ...(steps.length > 0 ? RELOAD : []),
    ...kept,
  ];
}

/** Text of a file; undefined if there is none. */
export function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { barPath } from '../../backend/pci.js';
import { sdmcDirectory } from '../../backend/sdmc.js';
import { listUio } from '../../backend/uio.js';
import { note, ok, problem, type Finding } from '../finding.js';
import { barredAt, mayAccess, ownership } from '../read/runner.js';
import type { Surroundings } from '../surroundings.js';

/** Whether whoever runs the agent may use the files through which registers are reached. */
export function access(s: Surroundings): Finding {
  const files = registersFiles(s);
  const { runner } = s;
  if (files.length === 0) {
    return note('registers-access', 'not examined: the registers were not found');
  }
  const shut = files.find(
    ({ path, wants }) =>
      barredAt(path, runner) !== undefined || !mayAccess(statSync(path), runner, wants),
  );
  if (shut === undefined) {
    return ok('registers-access', `${runner.name} may use ${files.map((f) => f.path).join(', ')}`);
  }
  const bar = barredAt(shut.path, runner);
  const which = bar ?? shut.path;
  return problem(
    'registers-access',
    `${runner.name} may not ${bar === undefined ? shut.wants.join(' and ') : 'enter'} ${which}, ` +
      `which is ${ownership(which, s.groups, s.root)}`,
    runner.from === 'service'
      ? 'the agent runs as that user; a rule of udev gives it the registers'
      : 'the agent would run as you: there is no service that says otherwise',
    runner.from === 'service'
      ? { command: `sdm-agent service install && udevadm trigger --action=add ${matching(s)}` }
      : { mend: 'run the agent as root, or as a service', command: 'sdm-agent service install' },
  );
}

/** The devices whose rules open the registers. */
function matching({ brick }: Surroundings): string {
  switch (brick.registers?.backend) {
    case 'uio':
      return '--subsystem-match=uio';
    case 'sysfs':
      return '--subsystem-match=pci --subsystem-match=platform';
    default:
      return '--subsystem-match=pci';
  }
}

/** Files that whoever runs the agent must be able to use, and what for. */
interface Access {
  readonly path: string;
  readonly wants: readonly ('read' | 'write')[];
}

const BOTH = ['read', 'write'] as const;

/** Where whoever runs the agent must be able to read and write; empty: that was not found. */
function registersFiles(s: Surroundings): readonly Access[] {
  const { root, brick, settings } = s;
  const sysfs = join(root, 'sys');
  if (settings.registers.backend === 'file') {
    return existing([{ path: settings.registers.path, wants: BOTH }]);
  }
  const found = brick.registers;
  if (found?.backend === 'sysfs') {
    const directory = join(sdmcDirectory(sysfs), found.at);
    return existing([
      { path: join(directory, 'registers'), wants: ['read'] },
      { path: join(directory, 'memport/memport0/set'), wants: ['write'] },
      { path: join(directory, 'epoch'), wants: BOTH },
    ]);
  }
  if (found?.backend === 'uio') {
    const uio = listUio(sysfs).find(({ device }) => device === found.at);
    return existing(uio === undefined ? [] : [{ path: join(root, 'dev', uio.name), wants: BOTH }]);
  }
  const { registers } = settings;
  const configured = 'pci' in registers && registers.pci !== 'auto' ? registers.pci : undefined;
  const pci = brick.devices.find(({ role }) => role === 'registers')?.pci ?? configured;
  return existing(pci === undefined ? [] : [{ path: barPath(sysfs, pci), wants: BOTH }]);
}

const existing = (all: readonly Access[]): readonly Access[] =>
  all.filter(({ path }) => existsSync(path));

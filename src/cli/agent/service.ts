import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { SdmError } from '../../common/errors.js';
import { projectDir } from '../../common/paths.js';
import type { ServiceFile } from '../../service/files.js';
import type { Step } from '../../service/plan.js';
import type { ServiceStatus } from '../../service/status.js';
import { print, printJson } from './output.js';

interface PlaceOptions {
  readonly root: string;
  readonly prefix?: string;
}

interface ChangeOptions extends PlaceOptions {
  readonly dryRun?: true;
}

interface InstallOptions extends ChangeOptions {
  readonly node: string;
  readonly program: string;
}

const NOT_OK = 1;
const absolute = (path: string): string => resolve(path);
/** "/" is this machine, as nothing given is. */
const rootArgument = (path: string): string => (resolve(path) === '/' ? '' : resolve(path));

export function serviceCommands(program: Command): void {
  const service = program.command('service').description('run the agent under systemd');
  const places = (command: Command): Command =>
    command
      .option('--root <dir>', 'a tree in place of this machine; nothing is run', rootArgument, '')
      .option('--prefix <dir>', "a package's places, such as /usr; default: below /etc", absolute);
  places(service.command('install'))
    .description('put unit, udev rules, user and an example configuration in place')
    .option('--node <file>', 'the node that runs it', absolute, process.execPath)
    .option('--program <file>', 'the sdm-agent that it runs', absolute, ownProgram())
    .option('--dry-run', 'say what would be done')
    .action(install);
  places(service.command('remove'))
    .description('stop it and take it away; configuration, journal and user stay')
    .option('--dry-run', 'say what would be done')
    .action(remove);
  places(service.command('status'))
    .description('what is in place; exit code 0: all of it, and the service runs')
    .option('--json', 'print JSON for programs')
    .action(status);
}

function ownProgram(): string {
  return join(projectDir(), 'bin/sdm-agent');
}

async function filesFor(options: PlaceOptions & Partial<InstallOptions>): Promise<ServiceFile[]> {
  const { placesOf, serviceFiles } = await import('../../service/files.js');
  const { brickNameOf, systemdVersion } = await import('../../service/status.js');
  const project = projectDir();
  if (!existsSync(join(project, 'deploy'))) {
    throw new SdmError(
      'SDM_MISSING',
      `${project} has no deploy/, which every installation by npm brings: a brick of a rack has its ` +
        'own way to start the agent',
    );
  }
  return serviceFiles({
    project,
    places: placesOf(options.prefix),
    node: options.node ?? process.execPath,
    program: options.program ?? ownProgram(),
    brick: brickNameOf(options.root),
    systemd: await systemdVersion(),
  });
}

async function install(options: InstallOptions): Promise<void> {
  const { placesOf } = await import('../../service/files.js');
  const { installPlan } = await import('../../service/plan.js');
  if (options.root === '') await refuseUnreachable(options);
  const files = await filesFor(options);
  await perform(installPlan(files, placesOf(options.prefix), options.root), options);
  if (options.root === '') print(nextSteps());
}

/** A unit that could never start would be found out much later. @throws SDM_INPUT. */
async function refuseUnreachable({ node, program }: InstallOptions): Promise<void> {
  const { whyUnreachable } = await import('../../service/reachable.js');
  for (const [path, todo] of [
    [node, 'install Node for all users, or name another one with --node'],
    [program, 'install sdm for all users (npm install --global), or name it with --program'],
  ] as const) {
    const why = whyUnreachable(path);
    if (why === undefined) continue;
    throw new SdmError('SDM_INPUT', `the service cannot use ${path}, which ${why}: ${todo}`, {
      details: { path },
    });
  }
}

async function remove(options: ChangeOptions): Promise<void> {
  const { placesOf } = await import('../../service/files.js');
  const { removePlan } = await import('../../service/plan.js');
  const steps = removePlan(placesOf(options.prefix), options.root);
  await perform(steps, options);
  if (steps.every(({ kind }) => kind === 'keep')) print('nothing to remove');
}

async function perform(steps: readonly Step[], options: ChangeOptions): Promise<void> {
  const { perform: act, stepLine } = await import('../../service/perform.js');
  for (const step of steps) {
    print(stepLine(step));
    if (!options.dryRun) await act(step, options.root);
  }
}

function nextSteps(): string {
  return [
    '',
    'Next:',
    '  edit /etc/sdm/agent.json: its shares say what of the pool this brick may use',
    '  systemctl enable --now sdm-agent',
    '  usermod --append --groups sdm USER    # who may command it, from the next login on',
    '  sdm-agent probe                       # what this brick has and lacks',
  ].join('\n');
}

async function status(options: PlaceOptions & { readonly json?: true }): Promise<void> {
  const { serviceStatus } = await import('../../service/status.js');
  const { placesOf, programsOf } = await import('../../service/files.js');
  const programs = programsOf(placesOf(options.prefix), options.root);
  const found = await serviceStatus(await filesFor({ ...options, ...programs }), options.root);
  if (options.json) printJson(found);
  else print(await statusText(found));
  process.exitCode = found.ok ? 0 : NOT_OK;
}

async function statusText(found: ServiceStatus): Promise<string> {
  const { formatPairs } = await import('../../common/table.js');
  const there = (is: boolean): string => (is ? 'ok' : 'missing');
  const { unit } = found;
  return formatPairs([
    ...found.files.map(({ path, state }) => [path, state] as const),
    ['user sdm-agent', there(found.user)],
    ['group sdm', there(found.group)],
    ['kernel module sdmc_mem', found.module],
    [
      'sdm-agent.service',
      unit === undefined
        ? 'systemd was not asked'
        : `${unit.enabled}, ${unit.active} (${unit.sub})${unit.text === '' ? '' : `: ${unit.text}`}`,
    ],
    ...(unit?.active === 'active'
      ? ([
          ['watchdog', unit.watchdogMs === 0 ? 'off' : `${unit.watchdogMs / 1000} s`],
          ['restarts', String(unit.restarts)],
        ] as const)
      : []),
  ]);
}

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { sdmCommand } from '../common/called.js';
import { SdmError } from '../common/errors.js';
import { run, type RunResult } from '../common/exec.js';
import type { BrickLayout, RackLayout } from './layout.js';
import { brickName } from './names.js';
import { shellQuote } from './qemu.js';
import type { BrickState } from './state.js';

/** ssh's own failure; a remote command may end with it too. */
export const SSH_FAILED = 255;

const CONNECT_TIMEOUT_S = 20;

async function makeKey(path: string, comment: string, signal?: AbortSignal): Promise<void> {
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path], {
    signal,
    hint: 'ssh-keygen and ssh come with the package openssh-client.',
  });
}

/** Makes the rack's own key, with which alone its bricks let anyone in. */
export async function makeRackKey(layout: RackLayout, signal?: AbortSignal): Promise<void> {
  mkdirSync(layout.sshDir, { mode: 0o700 });
  await makeKey(layout.sshKey, `sdm rack ${layout.name}`, signal);
}

/** Makes a brick's host key and pins it in the rack's known_hosts. */
export async function makeHostKey(
  layout: RackLayout,
  brick: BrickLayout,
  signal?: AbortSignal,
): Promise<void> {
  await makeKey(brick.hostKey, brickName(layout.name, brick.n), signal);
  const [type, key] = readFileSync(`${brick.hostKey}.pub`, 'utf8').split(' ');
  appendFileSync(layout.knownHosts, `${brickName(layout.name, brick.n)} ${type} ${key}\n`);
}

/** A value in ssh's configuration: "%" starts a token there. */
function configValue(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}

/**
 * Configuration of ssh for one rack; it works by hand too: `ssh -F …/ssh/config NAME-brick1`. One
 * connection a brick is kept and shared, since its handshake is slow under emulation.
 */
export function sshConfig(layout: RackLayout, bricks: readonly BrickState[]): string {
  const hosts = bricks.flatMap(({ n, name, sshPort }) => [
    `Host ${name}`,
    `  Port ${sshPort}`,
    `  HostKeyAlias ${name}`,
    `  ControlPath ${configValue(layout.brick(n).sshSocket)}`,
  ]);
  return [
    ...hosts,
    'Host *',
    '  HostName 127.0.0.1',
    '  User root',
    `  IdentityFile ${configValue(layout.sshKey)}`,
    '  IdentitiesOnly yes',
    '  IdentityAgent none',
    `  UserKnownHostsFile ${configValue(layout.knownHosts)}`,
    '  GlobalKnownHostsFile none',
    '  StrictHostKeyChecking yes',
    '  UpdateHostKeys no',
    '  BatchMode yes',
    '  PreferredAuthentications publickey',
    '  KexAlgorithms curve25519-sha256',
    '  ForwardAgent no',
    '  ForwardX11 no',
    `  ConnectTimeout ${CONNECT_TIMEOUT_S}`,
    '  ControlMaster auto',
    '  ControlPersist 600',
    '  LogLevel ERROR',
    '',
  ].join('\n');
}

export function writeSshConfig(layout: RackLayout, bricks: readonly BrickState[]): void {
  writeFileSync(layout.sshConfig, sshConfig(layout, bricks), { mode: 0o600 });
}

/**
 * Arguments of ssh that run a command in a brick. A string is the brick's shell's to read; of a list
 * each element arrives as one argument.
 */
export function sshArgv(
  layout: RackLayout,
  n: number,
  command: string | readonly string[],
  options: readonly string[] = [],
): [string, ...string[]] {
  const remote = typeof command === 'string' ? command : command.map(shellQuote).join(' ');
  return [
    'ssh',
    '-F',
    layout.sshConfig,
    ...options,
    brickName(layout.name, n),
    ...(remote === '' ? [] : ['--', remote]),
  ];
}

export interface ExecOptions {
  /** Default 120,000. */
  readonly timeoutMs?: number;
  /** Standard input; default none. */
  readonly input?: string | Uint8Array;
  readonly signal?: AbortSignal | undefined;
  /** Called for every line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void;
}

const ANY_CODE = Array.from({ length: 256 }, (_, code) => code);

/**
 * Runs a command in a brick and gives its exit code and output back, whatever the code.
 * @throws SdmError SDM_RACK_SSH if the brick cannot be reached, SDM_TIMEOUT.
 */
export async function sshExec(
  layout: RackLayout,
  n: number,
  command: string | readonly string[],
  options: ExecOptions = {},
): Promise<RunResult> {
  const result = await run(sshArgv(layout, n, command, ['-T']), { ...options, okCodes: ANY_CODE });
  // The master's socket is there whenever a connection stood: then 255 is the command's own.
  if (result.code === SSH_FAILED && !existsSync(layout.brick(n).sshSocket)) {
    throw new SdmError(
      'SDM_RACK_SSH',
      `brick ${n} of rack ${layout.name} cannot be reached by ssh: ` +
        `${result.stderr.trim() || 'no reason given'}; see "${sdmCommand()} rack logs ${n} --name ${layout.name}"`,
      { details: { rack: layout.name, brick: n } },
    );
  }
  return result;
}

/** Ends the shared connection to a brick, if there is one. Never fails: it ends with QEMU anyway. */
export async function sshDisconnect(layout: RackLayout, n: number): Promise<void> {
  if (!existsSync(layout.brick(n).sshSocket) || !existsSync(layout.sshConfig)) return;
  const argv = sshArgv(layout, n, '', ['-O', 'exit']);
  await run(argv, { okCodes: ANY_CODE, timeoutMs: 5000 }).catch(() => {});
}

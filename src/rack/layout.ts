import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { SdmError } from '../common/errors.js';
import { stateDir } from '../common/paths.js';
import { checkRackName } from './names.js';

/**
 * The kernel's limit for the path of a Unix socket is 107 bytes and a zero; ssh first binds its
 * control socket under a name that is 17 bytes longer.
 */
const SOCKET_PATH_MAX = 107 - 17;

/** Where everything of one brick lies. */
export interface BrickLayout {
  readonly n: number;
  readonly dir: string;
  /** Executable script with the brick's QEMU command line. */
  readonly qemuCmd: string;
  readonly initrd: string;
  /** What a brick keeps over boots, where it was asked for. */
  readonly disk: string;
  /** Process as we recorded it; see process.ts. */
  readonly pidFile: string;
  /** QEMU's own -pidfile; also what tells this brick's QEMU from any other process. */
  readonly qemuPidFile: string;
  readonly consoleLog: string;
  readonly qemuLog: string;
  /** The agent's log, fetched from the brick where logs are kept. */
  readonly agentLog: string;
  readonly agentJson: string;
  readonly hostKey: string;
  readonly qmpSocket: string;
  /** QEMU's machine protocol once more, for the tray's daemon alone. */
  readonly linksSocket: string;
  readonly consoleSocket: string;
  readonly sshSocket: string;
  /** Links to make in `dir`, where the sockets had to go elsewhere: [link, target]. */
  readonly socketLinks: readonly (readonly [string, string])[];
}

/** Where everything of one rack lies. Nothing of it needs to exist. */
export interface RackLayout {
  readonly name: string;
  readonly dir: string;
  /** Outside of `dir`, so that it outlives it while `down` removes it. */
  readonly lockFile: string;
  /** What `down --keep-logs` leaves. */
  readonly logsDir: string;
  readonly stateFile: string;
  /** Directory on tmpfs; `owner` in it names the rack's directory. */
  readonly shmDir: string;
  readonly shmOwner: string;
  /** What `shmDir` is called until it has its owner. */
  readonly shmDraft: string;
  readonly pool: string;
  /** In `dir`, so that everything of a rack is found there; `registers-N` likewise. */
  readonly poolLink: string;
  readonly sshDir: string;
  readonly sshConfig: string;
  readonly sshKey: string;
  readonly knownHosts: string;
  /** Directory for sockets where `dir` is too long for them, else undefined. */
  readonly socketDir: string | undefined;
  /** The parent of `socketDir`, private to this user. */
  readonly socketRoot: string;
  /** Of a rack with a controller: configurations, logs, certificates and state of its daemons. */
  readonly controlDir: string;
  /** Where a daemon of the rack listens; the link in `dir` is there where it is elsewhere. */
  socket(name: string): string;
  registers(n: number): string;
  registersLink(n: number): string;
  brick(n: number): BrickLayout;
}

/** Directory of all racks of this user. */
export function racksDir(): string {
  return join(stateDir(), 'racks');
}

/**
 * Lays out the rack `name`.
 * @param racks directory of all racks; default as docs/rack.md says.
 * @param shmRoot tmpfs for pools; default where the rack has its pool, else $SDM_SHM or /dev/shm.
 * @throws SdmError SDM_INPUT for a name or directory that cannot be used.
 */
export function rackLayout(name: string, racks: string = racksDir(), shmRoot?: string): RackLayout {
  checkRackName(name);
  const dir = join(resolve(racks), name);
  // ssh's configuration and QEMU's console would need quoting that neither has for these.
  if (/["\x00-\x1f$]/.test(dir)) {
    throw new SdmError(
      'SDM_INPUT',
      `racks cannot lie in ${JSON.stringify(racks)}: quotes, "$" and control characters do not ` +
        'get through ssh; set SDM_STATE to another directory',
      { details: { racks } },
    );
  }
  const uid = process.getuid?.() ?? 0;
  const poolLink = join(dir, 'pool');
  const shmName = `sdm-${uid}-${name}`;
  const root = shmRoot ?? process.env['SDM_SHM'] ?? '/dev/shm';
  const linked = shmRoot === undefined ? linkedDir(poolLink) : undefined;
  const shmDir =
    linked !== undefined && basename(linked) === shmName ? linked : join(resolve(root), shmName);
  const sshDir = join(dir, 'ssh');
  const socketRoot = `/tmp/sdm-${uid}`;
  const fits = Buffer.byteLength(join(dir, 'brick-99', 'console.sock')) <= SOCKET_PATH_MAX;
  const digest = createHash('sha256').update(dir).digest('hex').slice(0, 16);
  const socketDir = fits ? undefined : join(socketRoot, digest);
  return {
    name,
    dir,
    lockFile: `${dir}.lock`,
    logsDir: `${dir}.logs`,
    stateFile: join(dir, 'rack.json'),
    shmDir,
    shmOwner: join(shmDir, 'owner'),
    shmDraft: `${shmDir}.${digest}`,
    pool: join(shmDir, 'pool'),
    poolLink,
    sshDir,
    sshConfig: join(sshDir, 'config'),
    sshKey: join(sshDir, 'id_ed25519'),
    knownHosts: join(sshDir, 'known_hosts'),
    socketDir,
    socketRoot,
    controlDir: join(dir, 'control'),
    socket: (name) => join(socketDir ?? dir, `${name}.sock`),
    registers: (n) => join(shmDir, `registers-${n}`),
    registersLink: (n) => join(dir, `registers-${n}`),
    brick: (n) => brickLayout(dir, socketDir, n),
  };
}

/** The directory that a link's target lies in: a rack keeps its pool where it was made. */
function linkedDir(link: string): string | undefined {
  try {
    return dirname(readlinkSync(link));
  } catch {
    return undefined;
  }
}

function brickLayout(rackDir: string, socketDir: string | undefined, n: number): BrickLayout {
  const dir = join(rackDir, `brick-${n}`);
  const names = ['qmp.sock', 'links.sock', 'console.sock', 'ssh.sock'] as const;
  const place = (name: string): string =>
    socketDir === undefined ? join(dir, name) : join(socketDir, `${n}-${name}`);
  return {
    n,
    dir,
    qemuCmd: join(dir, 'qemu.cmd'),
    initrd: join(dir, 'initrd'),
    disk: join(dir, 'disk.ext4'),
    pidFile: join(dir, 'pid'),
    qemuPidFile: join(dir, 'qemu.pid'),
    consoleLog: join(dir, 'console.log'),
    qemuLog: join(dir, 'qemu.log'),
    agentLog: join(dir, 'agent.log'),
    agentJson: join(dir, 'agent.json'),
    hostKey: join(dir, 'ssh_host_ed25519_key'),
    qmpSocket: place('qmp.sock'),
    linksSocket: place('links.sock'),
    consoleSocket: place('console.sock'),
    sshSocket: place('ssh.sock'),
    socketLinks:
      socketDir === undefined ? [] : names.map((name) => [join(dir, name), place(name)] as const),
  };
}

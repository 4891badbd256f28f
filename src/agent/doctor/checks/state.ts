import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatSize, roughSize } from '../../../common/units.js';
import { RESERVE_SIZE } from '../../journal/reserve.js';
import { note, ok, problem, warning, type Finding } from '../finding.js';
import { mountOf } from '../read/mounts.js';
import { findGroup } from '../../../common/groups.js';
import { barredAt, existing, mayAccess, ownership, type Runner } from '../read/runner.js';
import type { Surroundings } from '../surroundings.js';

/** A journal is small: its checkpoint and what came since. Below the one it soon cannot be written. */
const SPACE_MIN = 4n * BigInt(RESERVE_SIZE);
const SPACE_LOW = 64n << 20n;
/** What is gone after a reboot. */
const VOLATILE = new Set(['tmpfs', 'ramfs', 'rootfs', 'devtmpfs']);
/** Where a lock or a sync may mean less than on a disk. */
const REMOTE = new Set(['nfs', 'nfs4', 'cifs', 'smb3', '9p', 'virtiofs', 'fuse.sshfs', 'afs']);

/** Where the agent keeps its journal and its socket. */
export function* state(s: Surroundings): Generator<Finding> {
  yield stateDir(s);
  yield stateDisk(s);
  yield stateSpace(s);
  yield socket(s);
  yield socketGroup(s);
}

function unitOf({ systemd }: Surroundings) {
  return systemd.kind === 'unit' ? systemd.unit : undefined;
}

function stateDir(s: Surroundings): Finding {
  const { runner, settings } = s;
  const { stateDir: path } = settings;
  const made = unitOf(s)?.stateDirectory.some((name) => path === `/var/lib/${name}`) === true;
  const bar = barredAt(path, runner);
  if (bar !== undefined) return unusable(s, path, `${runner.name} may not enter ${bar}`, made);
  const there = existing(path);
  if (there.path !== path && made) {
    return ok('state-dir', `${path} is made by systemd at the first start`);
  }
  if (!there.stats.isDirectory()) return unusable(s, path, `${there.path} is no directory`, false);
  if (!mayAccess(there.stats, runner, ['read', 'write', 'search'])) {
    const whose = ownership(there.path, s.groups, s.root);
    const which = there.path === path ? path : `${path} is missing, and ${there.path}`;
    return unusable(s, path, `${which} is ${whose}: ${runner.name} may not write there`, made);
  }
  return ok('state-dir', there.path === path ? path : `${path} can be made in ${there.path}`);
}

function unusable({ runner }: Surroundings, path: string, found: string, made: boolean): Finding {
  return problem(
    'state-dir',
    found,
    'the agent cannot write its journal there, so it does not start',
    made
      ? { mend: 'systemd makes it right at the start', command: 'systemctl restart sdm-agent' }
      : { command: give(path, runner, '0700') },
  );
}

/** Makes a directory, or hands one that is there, with what is in it, to who runs the agent. */
function give(path: string, { uid, name }: Runner, mode: string): string {
  const owner = uid < 0 ? 'root' : name;
  return existsSync(path)
    ? `find ${path} -maxdepth 1 -exec chown ${owner} {} +`
    : `install -d -m ${mode} -o ${owner} ${path}`;
}

function stateDisk({ mounts, settings }: Surroundings): Finding {
  const path = settings.stateDir;
  const mount = mountOf(mounts, path);
  if (mount === undefined) {
    return note('state-disk', `what kind of file system ${path} is on is not known`);
  }
  const found = `${path} is on ${mount.at} (${mount.type})`;
  const elsewhere = 'name a directory on a disk as "stateDir" in the configuration';
  if (mount.readOnly) {
    return problem('state-disk', `${found}, which is read-only`, 'the journal cannot be written', {
      mend: `${elsewhere}, or make this one writable`,
      command: `mount -o remount,rw ${mount.at}`,
    });
  }
  if (VOLATILE.has(mount.type)) {
    return warning(
      'state-disk',
      `${found}, which is in memory`,
      'the journal is lost at a reboot: attachments made here are not restored then, and memory ' +
        'bricks keep segments that nobody uses',
      { mend: elsewhere },
    );
  }
  if (REMOTE.has(mount.type)) {
    return warning(
      'state-disk',
      `${found}, which is on another machine`,
      'the agent stops with that machine, and its lock may not keep another agent out',
      { mend: elsewhere },
    );
  }
  return ok('state-disk', found);
}

function stateSpace({ statfs, settings }: Surroundings): Finding {
  const { path } = existing(settings.stateDir);
  const space = statfs(path);
  const found = `${roughSize(space.free)} of ${roughSize(space.total)} are free at ${path}`;
  const full = 'a journal that cannot be written lets nothing be attached or detached any more';
  const free = { command: `du -xh ${path === '/' ? '/var' : path} | sort -h | tail` };
  if (space.inodes === 0n) {
    return problem('state-space', `${found}, but no inode is`, full, {
      mend: 'remove files on this file system',
    });
  }
  if (space.free < SPACE_MIN) {
    return problem('state-space', found, full, { mend: 'free space there', ...free });
  }
  if (space.free < SPACE_LOW) {
    return warning('state-space', found, `less than ${formatSize(SPACE_LOW)}: ${full}`, {
      mend: 'free space there',
      ...free,
    });
  }
  return ok('state-space', found);
}

function socket(s: Surroundings): Finding {
  const { runner, settings, agent } = s;
  if (agent.kind !== 'none') return ok('socket', settings.socket);
  const directory = dirname(settings.socket);
  const made = unitOf(s)?.runtimeDirectory.some((name) => directory === `/run/${name}`) === true;
  if (made) return ok('socket', `${directory} is made by systemd`);
  const there = existing(directory);
  const bar = barredAt(directory, runner);
  if (bar === undefined && mayAccess(there.stats, runner, ['write', 'search'])) {
    return ok('socket', `${settings.socket} can be made`);
  }
  return problem(
    'socket',
    `${runner.name} may not make a socket in ${directory}: ${bar ?? there.path} is ` +
      ownership(bar ?? there.path, s.groups, s.root),
    'nobody could command the agent, so it does not start',
    existsSync(directory)
      ? { mend: 'name a path in a directory of the agent\'s own as "socket" in the configuration' }
      : { command: give(directory, runner, '0755') },
  );
}

function socketGroup({ settings, groups, runner }: Surroundings): Finding {
  const { socketGroup: wanted } = settings;
  if (wanted === null) {
    return note(
      'socket-group',
      'no group is configured',
      `only ${runner.uid === 0 ? 'root' : `${runner.name} and root`} may command the agent`,
      { mend: 'to let others, name a group as "socketGroup" in the configuration' },
    );
  }
  const group = findGroup(groups, wanted);
  if (group === undefined) {
    return problem(
      'socket-group',
      `there is no group "${wanted}"`,
      'the agent cannot give its socket to it, so it does not start',
      { command: `groupadd --system ${wanted}` },
    );
  }
  if (runner.uid !== 0 && !runner.gids.includes(group.gid)) {
    return problem(
      'socket-group',
      `${runner.name} is no member of ${group.name}`,
      'only root and members may give a socket to a group',
      { command: `usermod --append --groups ${group.name} ${runner.name}` },
    );
  }
  const members = group.members.length === 0 ? 'no members yet' : group.members.join(', ');
  return ok('socket-group', `${group.name} (${members})`);
}

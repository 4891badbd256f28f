import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatSize } from '../../../common/units.js';
import { localWindow } from '../../backend/window.js';
import { COMMANDS, KMEM_COMMANDS, WINDOW_DEVICE } from '../../memory/window.js';
import { readText } from '../../memory/sysfs.js';
import { hex } from '../../../abi/codec.js';
import { note, ok, problem, warning, type Finding } from '../finding.js';
import { groupName } from '../read/names.js';
import { mayAccess, ownership } from '../read/runner.js';
import type { Surroundings } from '../surroundings.js';

const WINDOW = 'sys/class/misc/sdm-window';
const BUILD =
  'make -C kernel module KDIR=/lib/modules/$(uname -r)/build && ' +
  'install -D -m 0644 kernel/out/module/sdmc_mem/sdmc_mem.ko -t /lib/modules/$(uname -r)/updates && ' +
  'depmod';
/** Who may map exposed ranges, where the configuration names no group for the agent's socket. */
const GROUP = 'sdm';

/** The kernel module sdmc_mem: whether it is there, fits, and lets the agent command it. */
export function* module(s: Surroundings): Generator<Finding> {
  const { loaded } = s.brick.kernel.module;
  yield loaded ? inserted(s) : notInserted(s);
  const onDisk = file(s);
  if (onDisk !== undefined) yield onDisk;
  yield signing(s);
  if (!loaded) return;
  yield window(s);
  yield windowAccess(s);
  yield windowDevice(s);
}

/** Whether a kernel takes a file: by its release, or where symbols have versions by the rest. */
function fits(vermagic: string, release: string): boolean {
  return vermagic.split(' ')[0] === release || /\bmodversions\b/.test(vermagic);
}

function insertCommand({ moduleFile, brick }: Surroundings): string {
  if (moduleFile === undefined) return `${BUILD} && modprobe sdmc_mem`;
  const { info, installed, path } = moduleFile;
  if (info !== undefined && !fits(info.vermagic, brick.kernel.release)) {
    return `${BUILD} && modprobe sdmc_mem`;
  }
  return installed ? 'modprobe sdmc_mem' : `insmod ${path}`;
}

function notInserted(s: Surroundings): Finding {
  const where =
    s.moduleFile === undefined ? 'and is not on disk' : `and lies in ${s.moduleFile.path}`;
  return problem(
    'module',
    `sdmc_mem is not inserted, ${where}`,
    'nothing can be attached: only the module can hand remote memory to the kernel or to programs',
    {
      ...(s.moduleFile === undefined && {
        mend: 'in a clone of the sources, with the headers of the kernel',
      }),
      command: insertCommand(s),
    },
  );
}

function inserted(s: Surroundings): Finding {
  const { mismatch, version } = s.brick.kernel.module;
  if (mismatch === null) return ok('module', `sdmc_mem ${version ?? 'of no version'} is inserted`);
  return problem(
    'module',
    `sdmc_mem is inserted and ${mismatch}`,
    'it is of another release of SDM than this agent',
    {
      mend: 'detach everything, then insert the one that was built with this agent',
      command: `rmmod sdmc_mem && ${insertCommand(s)}`,
    },
  );
}

function file(s: Surroundings): Finding | undefined {
  const { moduleFile, brick, root } = s;
  const { loaded } = brick.kernel.module;
  if (moduleFile === undefined) {
    if (!loaded) return undefined; // said already
    const found = 'sdmc_mem is inserted, and not on disk';
    return note('module-file', found, 'it is gone after a reboot', {
      mend: 'in a clone of the sources, with the headers of the kernel',
      command: BUILD,
    });
  }
  const { path, info } = moduleFile;
  if (info === undefined) {
    return note('module-file', `${path} is compressed, and there is no modinfo to read it with`);
  }
  const { release } = brick.kernel;
  if (!fits(info.vermagic, release)) {
    return (loaded ? warning : problem)(
      'module-file',
      `${path} is built for ${info.vermagic.split(' ')[0]}, and ${release} runs`,
      loaded
        ? 'the one that is inserted fits; this one cannot follow it after a reboot'
        : 'the kernel refuses it (version magic)',
      { mend: 'build it for this kernel, in a clone of the sources', command: BUILD },
    );
  }
  const source = readText(join(root, 'sys/module/sdmc_mem/srcversion'));
  const found = `${path}: ${info.version || 'no version'}, for ${info.vermagic.split(' ')[0]}`;
  if (source === undefined || info.srcversion === '' || source === info.srcversion) {
    return ok('module-file', found);
  }
  return note('module-file', found, 'another build of it is inserted now', {
    mend: 'to change to this one, detach everything, then',
    command: `rmmod sdmc_mem && ${moduleFile.installed ? 'modprobe sdmc_mem' : `insmod ${path}`}`,
  });
}

function signing({ root, brick, commandLine }: Surroundings): Finding {
  const enforced =
    readText(join(root, 'sys/module/module/parameters/sig_enforce')) === 'Y' ||
    commandLine.has('module.sig_enforce');
  if (!enforced) return ok('module-signing', 'modules need no signature');
  if (brick.kernel.module.loaded) return ok('module-signing', 'enforced, and sdmc_mem is inserted');
  return problem(
    'module-signing',
    'the kernel takes only signed modules',
    'sdmc_mem as it is built is not signed',
    {
      mend: 'sign it with a key that this kernel knows, or boot without module.sig_enforce',
      command: 'cat /proc/keys | grep -i module; modinfo -F signer sdmc_mem',
    },
  );
}

function window({ brick }: Surroundings): Finding {
  const { readable, window: parked } = brick.kernel.module;
  if (!readable) {
    return note('window', 'whether sdmc_mem holds a window cannot be read', undefined, {
      mend: 'run this as root, or as whoever runs the agent',
    });
  }
  if (parked === null)
    return ok('window', 'no window is parked; the agent does that when it starts');
  const { registers, pool } = brick;
  const found = `${parked.start}, ${formatSize(BigInt(parked.size))}`;
  if (registers === null || pool === null) return ok('window', found);
  const wanted = localWindow(
    {
      translation: registers.translation,
      windowBase: BigInt(registers.windowBase),
      windowSize: BigInt(registers.windowSize),
    },
    pool.start === null ? undefined : { start: BigInt(pool.start), size: BigInt(pool.size) },
  );
  if (wanted === undefined) return ok('window', found);
  if (BigInt(parked.start) === wanted.start && BigInt(parked.size) === wanted.size) {
    return ok('window', found);
  }
  return problem(
    'window',
    `sdmc_mem holds the window ${found}, and this brick needs ${hex(wanted.start)}, ` +
      formatSize(wanted.size),
    'somebody parked another range; there is one window a machine',
    { mend: 'detach what uses it, then', command: `echo none > /${WINDOW}/window` },
  );
}

function windowAccess(s: Surroundings): Finding {
  const { root, runner, settings } = s;
  const at = (name: string): string => join(root, WINDOW, name);
  const kmem = settings.memory?.way === 'kmem' ? KMEM_COMMANDS : [];
  const write = [...COMMANDS, ...kmem].map(at).filter((path) => existsSync(path));
  const read = ['window', 'error', 'failure'].map(at).filter((path) => existsSync(path));
  const barred =
    write.find((path) => !mayAccess(statSync(path), runner, ['write'])) ??
    read.find((path) => !mayAccess(statSync(path), runner, ['read']));
  if (barred === undefined) {
    return ok('window-access', `${runner.name} may command sdmc_mem`);
  }
  return problem(
    'window-access',
    `${runner.name} may not use ${barred}, which is ${ownership(barred, s.groups, root)}`,
    'the agent commands the module through these files',
    runner.from === 'service'
      ? {
          command:
            'sdm-agent service install && udevadm trigger --action=add --subsystem-match=misc',
        }
      : { mend: 'run the agent as root, or as a service', command: 'sdm-agent service install' },
  );
}

function windowDevice({ root, groups, settings }: Surroundings): Finding {
  const path = join(root, WINDOW_DEVICE);
  if (!existsSync(path)) {
    return problem(
      'window-device',
      `there is no ${WINDOW_DEVICE}`,
      'programs cannot map ranges of mode device',
      {
        mend: 'mount devtmpfs on /dev, or make it by hand',
        command: `mknod -m 0660 ${WINDOW_DEVICE} c $(tr : ' ' </${WINDOW}/dev)`,
      },
    );
  }
  const stats = statSync(path);
  const group = groupName(groups, stats.gid);
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  const found = `${WINDOW_DEVICE} is of group ${group}, mode ${mode}`;
  const wanted = settings.socketGroup ?? GROUP;
  const command = `chgrp ${wanted} ${WINDOW_DEVICE} && chmod 0660 ${WINDOW_DEVICE}`;
  const mend = {
    mend: 'for good: `sdm-agent service install`, which brings a rule of udev; until a reboot',
    command,
  };
  if ((stats.mode & 0o006) !== 0) {
    return warning(
      'window-device',
      found,
      'every user may map every range that is exposed, and an access to one that is gone can take ' +
        'the machine down',
      mend,
    );
  }
  if (stats.gid === 0 || (stats.mode & 0o060) !== 0o060) {
    return note('window-device', found, 'only root may map ranges of mode device', mend);
  }
  return ok('window-device', found);
}

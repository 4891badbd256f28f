import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readNames } from '../../memory/sysfs.js';
import { note, ok, problem, warning, type Finding } from '../finding.js';
import { mountOf } from '../read/mounts.js';
import { mayAccess, ownership } from '../read/runner.js';
import type { Surroundings } from '../surroundings.js';

const MEMORY = 'sys/devices/system/memory';
const CONFIG_PLACES = 'neither /proc/config.gz nor /boot/config-$(uname -r) is there';

/** What the kernel allows: mapping registers, and memory that comes and goes. */
export function* kernel(s: Surroundings): Generator<Finding> {
  yield lockdown(s);
  yield devmem(s);
  yield ioDevmem(s);
  yield hotplug(s);
  if (!s.brick.kernel.hotplug) return;
  yield autoOnline(s);
  yield blockAccess(s);
}

function lockdown({ brick, kernelConfig }: Surroundings): Finding {
  const { lockdown: state } = brick.kernel;
  if (state === 'none') return ok('lockdown', 'the kernel is not locked down');
  if (state !== null) {
    return problem(
      'lockdown',
      `the kernel is locked down (${state})`,
      'resource2 of a PCI device cannot be mapped then, and modules must be signed',
      {
        mend:
          'boot with lockdown=none on the command line of the kernel and, on real hardware, with ' +
          'Secure Boot switched off, which locks the kernel down by itself',
        command: 'cat /sys/kernel/security/lockdown; grep -o "lockdown=[^ ]*" /proc/cmdline',
      },
    );
  }
  if (kernelConfig !== undefined && kernelConfig.get('SECURITY_LOCKDOWN_LSM') !== 'y') {
    return ok('lockdown', 'this kernel cannot be locked down');
  }
  if (brick.registers !== null) return ok('lockdown', 'not in force: the registers are mapped');
  return note('lockdown', 'whether the kernel is locked down is not known', undefined, {
    mend: 'let it be read, and run this again',
    command: 'mount -t securityfs none /sys/kernel/security',
  });
}

function devmem({ kernelConfig }: Surroundings): Finding {
  if (kernelConfig === undefined) {
    return note('devmem', `whether STRICT_DEVMEM is on is not known: ${CONFIG_PLACES}`);
  }
  const { from } = kernelConfig;
  if (kernelConfig.get('STRICT_DEVMEM') === 'y')
    return ok('devmem', `STRICT_DEVMEM is on (${from})`);
  if (kernelConfig.get('DEVMEM') === undefined) return ok('devmem', 'there is no /dev/mem');
  return warning(
    'devmem',
    `STRICT_DEVMEM is off (${from})`,
    'root can map attached memory through /dev/mem while the kernel uses it: parking the window ' +
      'does not close that way',
    { mend: 'boot a kernel with CONFIG_STRICT_DEVMEM=y, as those of distributions have' },
  );
}

function ioDevmem({ kernelConfig, commandLine }: Surroundings): Finding {
  const relaxed = commandLine.get('iomem') === 'relaxed';
  const first =
    'mmap of resource2 looks at the first page of a BAR only: in use by a driver or as RAM, the ' +
    'whole BAR is refused; not in use, memory further on could be mapped while it is RAM';
  const closed = 'sdmc_mem closes that by parking the window, whatever this is set to';
  if (kernelConfig === undefined && !relaxed) {
    const found = `whether IO_STRICT_DEVMEM is on is not known: ${CONFIG_PLACES}`;
    return note('io-devmem', found, `${first}; ${closed}`);
  }
  if (relaxed) {
    return note('io-devmem', 'iomem=relaxed switches the check off', `${first}; ${closed}`, {
      mend: 'take iomem=relaxed from the command line of the kernel, unless it is needed',
    });
  }
  if (kernelConfig?.get('IO_STRICT_DEVMEM') === 'y') {
    return ok('io-devmem', `IO_STRICT_DEVMEM is on (${kernelConfig.from})`);
  }
  return note('io-devmem', 'IO_STRICT_DEVMEM is off', `${first}; ${closed}`);
}

function hotplug({ brick, kernelConfig }: Surroundings): Finding {
  const { release } = brick.kernel;
  const boot = {
    mend: 'boot a kernel with CONFIG_MEMORY_HOTPLUG=y, CONFIG_MEMORY_HOTREMOVE=y and CONFIG_MIGRATION=y',
  };
  if (!brick.kernel.hotplug) {
    return problem(
      'hotplug',
      `the kernel ${release} cannot hot-plug memory (/${MEMORY} is missing)`,
      'mode system-ram is not possible',
      boot,
    );
  }
  if (kernelConfig !== undefined && kernelConfig.get('MEMORY_HOTREMOVE') !== 'y') {
    return problem(
      'hotplug',
      `the kernel ${release} can add memory, and not remove it`,
      'what is attached as system RAM can never be detached',
      boot,
    );
  }
  return ok('hotplug', `the kernel ${release} adds and removes memory`);
}

function autoOnline({ brick }: Surroundings): Finding {
  const { autoOnline: policy } = brick.kernel;
  if (policy === null) return note('auto-online', 'auto_online_blocks cannot be read');
  if (policy === 'offline')
    return ok('auto-online', 'new memory stays offline until it is onlined');
  return note(
    'auto-online',
    `new memory onlines itself (auto_online_blocks is "${policy}")`,
    (policy === 'online_movable'
      ? 'it would come online behind the agent, '
      : 'it may join a kernel zone, out of which it can never be removed, ') +
      'so the agent switches that off for each add and back on after it',
    {
      mend: 'to keep it off for good, boot with memhp_default_state=offline; now',
      command: `echo offline > /${MEMORY}/auto_online_blocks`,
    },
  );
}

/** Blocks that are added later have the owner that a rule of udev gives them. */
function blockAccess(s: Surroundings): Finding {
  const { root, runner, mounts } = s;
  const sysfs = mountOf(mounts, '/sys');
  if (sysfs?.at === '/sys' && sysfs.readOnly) {
    return problem(
      'block-access',
      '/sys is mounted read-only',
      'no memory block can be onlined, no command given to sdmc_mem: is this a container?',
      { command: 'mount -o remount,rw /sys' },
    );
  }
  const policy = join(root, MEMORY, 'auto_online_blocks');
  const blocks = readNames(join(root, MEMORY)).filter((name) => /^memory[0-9]+$/.test(name));
  const last = blocks.map((name) => Number(name.slice(6))).sort((a, b) => b - a)[0];
  const state = last === undefined ? undefined : join(root, MEMORY, `memory${last}`, 'state');
  // The rule of udev gives new blocks to the service's user: those of the boot say nothing of it.
  const looked = [policy, ...(runner.from === 'service' ? [] : [state])];
  const barred = looked.find(
    (path) =>
      path !== undefined && existsSync(path) && !mayAccess(statSync(path), runner, ['write']),
  );
  if (barred !== undefined) {
    return problem(
      'block-access',
      `${runner.name} may not write ${barred}, which is ${ownership(barred, s.groups, root)}`,
      'memory blocks are onlined and taken offline by writing there',
      runner.from === 'service'
        ? {
            command:
              'sdm-agent service install && udevadm trigger --action=add --subsystem-match=misc',
          }
        : { mend: 'run the agent as root, or as a service', command: 'sdm-agent service install' },
    );
  }
  const rules = ['etc', 'usr/lib', 'lib', 'run'].map((at) =>
    join(root, at, 'udev/rules.d/60-sdm.rules'),
  );
  if (runner.overrides || runner.uid === 0 || rules.some((path) => existsSync(path))) {
    return ok('block-access', `${runner.name} may change the state of memory blocks`);
  }
  return problem(
    'block-access',
    `no rule of udev gives new memory blocks to ${runner.name}`,
    'a block that was added belongs to root, so it could be added and not be onlined',
    { command: 'sdm-agent service install' },
  );
}

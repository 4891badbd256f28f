import os from 'node:os';
import { readFileSync } from 'node:fs';
import { formatPairs } from '../../src/common/table.js';

/** Whether the numbers were measured inside an emulator or VM, as far as the kernel tells. */
function virtualised(): string {
  try {
    return /^flags\s*:.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
      ? ', in a virtual machine'
      : '';
  } catch {
    return '';
  }
}

/** What the numbers were measured on; without it they mean nothing. */
export function machineInfo(): string {
  const cpus = os.cpus();
  const load = os.loadavg().map((value) => value.toFixed(1));
  return formatPairs([
    [
      'CPU',
      `${cpus.length} x ${cpus[0]?.model.trim() ?? 'unknown'} (${os.arch()}${virtualised()})`,
    ],
    ['memory', `${(os.totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ['system', `${os.type()} ${os.release()}, Node ${process.versions.node}`],
    ['load', `${load.join(' ')} at the start`],
  ]);
}

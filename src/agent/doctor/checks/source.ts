import { join } from 'node:path';
import { isPciAddress } from '../../backend/pci.js';
import { listSdmc, SDMC } from '../../backend/sdmc.js';
import { listUio } from '../../backend/uio.js';
import { note, ok, problem, type Finding } from '../finding.js';
import type { Surroundings } from '../surroundings.js';

/** By which way the agent reaches the registers, and how another one is had. */
export function source(s: Surroundings): Finding {
  const { registers, devices } = s.brick;
  const { backend } = s.settings.registers;
  const asked = backend === 'auto' ? ' (auto)' : '';
  if (registers !== null) return ok('registers-source', `${waySaid(s, registers)}${asked}`);
  const bound = devices.find(({ driver }) => driver === SDMC);
  if (backend === 'bar' && bound !== undefined) {
    return problem(
      'registers-source',
      `the driver ${SDMC} is bound to ${bound.pci}, and registers.backend is "bar"`,
      'what a driver holds cannot be mapped past it: either the agent goes through the driver, or the ' +
        'driver lets go',
      {
        mend: `set registers.backend to "auto" or "sysfs" in ${s.config.path}; or unbind the driver`,
        command: unbind(bound.pci, SDMC),
      },
    );
  }
  if (backend === 'sysfs' && listSdmc(join(s.root, 'sys')).length === 0) {
    return problem(
      'registers-source',
      `the driver ${SDMC} is bound to nothing, and registers.backend is "sysfs"`,
      'memports are set through its files in /sys/sdmc then, and there are none',
      {
        mend: `insert it, and see \`dmesg | grep ${SDMC}\`; or set registers.backend to "auto"`,
        command: `modprobe ${SDMC}`,
      },
    );
  }
  return note('registers-source', 'not examined: the registers were not found');
}

const unbind = (pci: string, driver: string): string =>
  `echo ${pci} > /sys/bus/pci/drivers/${driver}/unbind`;

function waySaid(
  s: Surroundings,
  { backend, at }: NonNullable<Surroundings['brick']['registers']>,
): string {
  switch (backend) {
    case 'file':
      return `the file ${at}`;
    case 'bar':
      return `the BAR of ${at}, with no driver in between`;
    case 'sysfs': {
      const other = isPciAddress(at) ? `; to go without: ${unbind(at, SDMC)}` : '';
      return `the driver ${SDMC}, bound to ${at}: /sys/sdmc/devices/${at}${other}`;
    }
    case 'uio': {
      const uio = listUio(join(s.root, 'sys')).find(({ device }) => device === at);
      return `/dev/${uio?.name ?? 'uio?'}, of ${at}`;
    }
  }
}

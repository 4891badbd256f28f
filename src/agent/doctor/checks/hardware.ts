import { BLOCK_MAX, hex } from '../../../abi/codec.js';
import { formatSize } from '../../../common/units.js';
import { IVSHMEM, NO_PCI_DEVICE, PCI_KINDS } from '../../backend/pci.js';
import { SDMC } from '../../backend/sdmc.js';
import { note, ok, problem, warning, type Finding, type Mend } from '../finding.js';
import type { JournalFile } from '../read/journal.js';
import { heldWithin } from '../read/iomem.js';
import { barredAt, existing, mayAccess, ownership } from '../read/runner.js';
import type { Surroundings } from '../surroundings.js';
import { access } from './access.js';
import { source } from './source.js';

/** What sdmc_mem is called in /proc/iomem once it has parked the window. */
const PARKED = 'sdm-window';

/** The register block, the pool and the devices that carry them. */
export function* hardware(s: Surroundings): Generator<Finding> {
  if (s.settings.registers.backend === 'file') yield processBrick();
  else yield devices(s);
  yield registers(s);
  yield source(s);
  yield access(s);
  yield pool(s);
  if (s.settings.registers.backend !== 'file') yield* held(s);
  yield foreign(s);
}

function processBrick(): Finding {
  return note(
    'process',
    'the registers are a file',
    'this brick is a plain process: mode device only, and the kernel has no part in it, so kernel, ' +
      'module and nodes are not examined',
  );
}

function devices(s: Surroundings): Finding {
  const { devices: found, registers: block } = s.brick;
  const driven = block?.backend === 'sysfs' || block?.backend === 'uio';
  if (found.length === 0 && driven) return ok('pci', `none needed: registers are at ${block.at}`);
  if (found.length === 0) {
    return problem(
      'pci',
      `this machine has ${NO_PCI_DEVICE}`,
      'there is nothing that could carry registers or pool',
      {
        mend:
          'if the registers are in logic, insert sdmc (`modprobe sdmc`; on a board: docs/zynq.md); ' +
          'else boot it as a brick, as `sdm rack up` does; or configure a register file ' +
          '("registers": {"backend": "file", "path": …})',
        command: 'lspci -d 1af4: || dmesg | grep -i pci',
      },
    );
  }
  const bound = found.filter(
    ({ driver, role }) => driver !== null && !(driven && role === 'registers'),
  );
  if (bound.length > 0) {
    return problem(
      'pci',
      bound
        .map(({ pci, role, driver }) => `the driver ${driver} is bound to ${pci} (${role})`)
        .join(', '),
      'a device that a driver holds cannot be mapped by the agent, nor its BAR be parked by sdmc_mem',
      {
        ...(bound.some(({ driver }) => driver === SDMC) && {
          mend: `set registers.backend to "auto" or "sysfs" to go through ${SDMC}; or unbind`,
        }),
        command: bound
          .map(({ pci, driver }) => `echo ${pci} > /sys/bus/pci/drivers/${driver}/unbind`)
          .join('; '),
      },
    );
  }
  // Who looked may have enabled the registers by that; whoever runs the agent must be able to.
  const off = found.filter(({ pci, role }) => role !== 'other' && s.enabled.get(pci) === '0');
  if (off.length > 0 && !s.runner.admin) {
    const list = off.map(({ pci, role }) => `${pci} (${role})`).join(', ');
    return problem(
      'pci',
      `${list}: not enabled, and ${s.runner.name} lacks CAP_SYS_ADMIN`,
      'a device that is off decodes no address, and the kernel lets only CAP_SYS_ADMIN enable it',
      { command: off.map(({ pci }) => `echo 1 > /sys/bus/pci/devices/${pci}/enable`).join('; ') },
    );
  }
  return ok(
    'pci',
    found.map(({ pci, role, driver }) => `${pci} (${role}): ${driver ?? 'no driver'}`).join(', '),
  );
}

function registers(s: Surroundings): Finding {
  const { brick } = s;
  const found = brick.registers;
  if (found !== null) {
    return ok(
      'registers',
      `${found.at}: ${found.nports} memports, ${found.ntransceivers} transceivers, window of ` +
        `${formatSize(BigInt(found.windowSize))}, granule ${formatSize(BigInt(found.granule))}`,
    );
  }
  const { code = '', message = 'there are none' } = brick.lacks.registers ?? {};
  const denied = /\b(EACCES|EPERM)\b/.test(message);
  if (denied && s.runner.from === 'service') {
    return note('registers', message, 'you may not look at them, whoever runs the agent may', {
      mend: 'run this as root',
    });
  }
  return problem(
    'registers',
    message,
    `no memport can be set (${code})`,
    registersMend(s, message),
  );
}

function registersMend(s: Surroundings, message: string): Mend {
  if (/\b(EACCES|EPERM)\b/.test(message)) {
    return { mend: 'run this as root, or as whoever runs the agent' };
  }
  const command = message.includes('is not formatted') ? formatCommand(s) : undefined;
  if (command !== undefined) {
    return { mend: 'if that memory is to be a register block, format it', command };
  }
  const { backend } = s.settings.registers;
  const key = backend === 'file' ? 'path' : backend === 'uio' ? 'uio' : 'pci';
  return {
    mend: `name the right one as "registers.${key}" in the configuration`,
    command: 'sdm-agent probe --direct',
  };
}

/** The one block and the one pool that could be meant; undefined where there are several. */
function formatCommand({ brick, settings }: Surroundings): string | undefined {
  const { registers, pool } = settings;
  if (registers.backend === 'file') {
    const size = pool !== undefined && 'path' in pool ? ` --pool ${pool.path}` : '';
    return `sdm-agent registers format ${registers.path}${size}`;
  }
  // Logic formats its registers itself.
  const shared = brick.devices
    .filter(({ id }) => id === IVSHMEM.id)
    .flatMap(({ pci, bars }) =>
      bars.filter(({ index }) => index === IVSHMEM.memory).map(({ size }) => ({ pci, size })),
    );
  const small = shared.filter(({ size }) => BigInt(size) <= BigInt(BLOCK_MAX));
  const large = shared.filter(({ size }) => BigInt(size) > BigInt(BLOCK_MAX));
  const [block, memory] = [small[0], large[0]];
  if (small.length !== 1 || large.length !== 1 || !block || !memory) return undefined;
  return (
    `sdm-agent registers format --pci ${block.pci} --window-size ${memory.size} ` +
    `--remote-size ${memory.size}`
  );
}

function pool(s: Surroundings): Finding {
  const { brick, settings, config } = s;
  if (brick.registers === null && brick.pool === null) {
    return note('pool', 'not examined: the registers were not found');
  }
  if (brick.pool === null) {
    const none = config.kind === 'valid' && settings.pool === undefined;
    const { code = 'SDM_NO_POOL', message = 'there is no pool' } = brick.lacks.pool ?? {};
    return (none ? warning : problem)(
      'pool',
      none ? 'no pool is configured' : message,
      `memports can be set, but nothing be attached (${code})`,
      {
        mend: `set "pool" in ${config.path}: {"pci": "auto"}, {"pci": ADDRESS} or {"path": FILE}`,
        command: 'sdm-agent probe --direct',
      },
    );
  }
  const { at, size } = brick.pool;
  const found = `${at}, ${formatSize(BigInt(size))}`;
  if (settings.pool === undefined || !('path' in settings.pool)) return ok('pool', found);
  const path = settings.pool.path;
  const { stats } = existing(path);
  if (barredAt(path, s.runner) === undefined && mayAccess(stats, s.runner, ['read', 'write'])) {
    return ok('pool', found);
  }
  return problem(
    'pool',
    `${s.runner.name} may not read and write ${path}, which is ${ownership(path, s.groups, s.root)}`,
    'memory that is given back cannot be scrubbed',
    { command: `chown ${s.runner.name} ${path}` },
  );
}

/** BARs that something in the kernel has taken: mapping them is refused then. */
function* held(s: Surroundings): Generator<Finding> {
  for (const device of s.brick.devices) {
    const { pci, role } = device;
    const kind = PCI_KINDS.find(({ id }) => id === device.id);
    if (role === 'other' || kind === undefined) continue;
    if (role === 'registers' && s.brick.registers?.backend === 'bar') {
      const holders = holdersOf(s, device, kind.registers);
      if (holders !== 'no BAR') yield registersHeld(pci, holders);
    }
    // A pool, or the window that logic maps remote memory into beside its registers.
    if (role === 'pool' || kind.memory !== kind.registers) {
      const holders = holdersOf(s, device, kind.memory);
      if (holders !== 'no BAR') yield poolHeld(pci, holders);
    }
  }
}

function holdersOf(
  s: Surroundings,
  { pci, bars }: Surroundings['brick']['devices'][number],
  wanted: number,
): Holders | 'no BAR' {
  const bar = bars.find(({ index }) => index === wanted);
  if (bar === undefined) return 'no BAR';
  return heldWithin(s.root, { start: BigInt(bar.start), size: BigInt(bar.size) }, pci);
}

type Holders = ReturnType<typeof heldWithin>;

const named = (holders: NonNullable<Holders>): string =>
  holders.map(({ name, start, end }) => `"${name}" at ${hex(start)}-${hex(end)}`).join(', ');

function registersHeld(pci: string, holders: Holders): Finding {
  if (holders === undefined) return hidden('registers-held', pci);
  if (holders.length === 0) return ok('registers-held', `nothing in the kernel holds ${pci}`);
  return problem(
    'registers-held',
    `${named(holders)} is held in the BAR of ${pci}`,
    'the kernel then refuses to map it (exclusive or, with IO_STRICT_DEVMEM, in use), with EINVAL',
    { mend: 'unload what holds it', command: 'cat /proc/iomem; lsmod' },
  );
}

function poolHeld(pci: string, holders: Holders): Finding {
  if (holders === undefined) return hidden('pool-held', pci);
  const others = holders.filter(({ name }) => name !== PARKED && !name.includes('sdmc_mem'));
  if (others.length > 0 && !holders.some(({ name }) => name === PARKED)) {
    return problem(
      'pool-held',
      `${named(others)} is held in the BAR of ${pci}`,
      'sdmc_mem takes the whole BAR or nothing: the window cannot be parked, nothing be attached',
      { mend: 'unload what holds it', command: 'cat /proc/iomem; lsmod' },
    );
  }
  const parked = holders.some(({ name }) => name === PARKED);
  return ok('pool-held', parked ? `${pci} is parked by sdmc_mem` : `nothing holds ${pci} yet`);
}

function hidden(id: 'registers-held' | 'pool-held', pci: string): Finding {
  return note(id, `whether something holds the BAR of ${pci} is not known`, undefined, {
    mend: 'run this as root: /proc/iomem hides addresses from others',
  });
}

/** Memports that are set and that nobody here knows of. */
function foreign({ brick, agent, journal }: Surroundings): Finding {
  if (brick.registers === null)
    return note('foreign', 'not examined: the registers were not found');
  const { set } = brick.registers;
  if (set.length === 0) return ok('foreign', 'no memport is set');
  const answers = agent.kind === 'answers';
  const stray = set.filter(({ port, owner }) =>
    answers ? owner === 'foreign' : !journalled(journal, port),
  );
  const who = answers ? 'the agent' : 'the journal';
  if (stray.length === 0) {
    const known = set.length === 1 ? '1 memport is set,' : `${set.length} memports are set, all`;
    return ok('foreign', `${known} known to ${who}`);
  }
  const ports = stray.map(({ port }) => port);
  return warning(
    'foreign',
    `memports that are set and that ${who} does not know: ${ports.join(', ')}`,
    'the agent shows and leaves them, and places nothing new where they lead; whether someone uses ' +
      'these ranges only you can know',
    {
      mend: 'once nobody uses them (`sdm-agent probe` says what lies behind)',
      command: ports.map((port) => `sdm-agent memport clear ${port} --override`).join('; '),
    },
  );
}

function journalled(journal: JournalFile, port: number): boolean {
  if (journal.kind !== 'whole') return false;
  const { attachments, memports } = journal.state;
  return (
    memports.has(port) || [...attachments.values()].some(({ record }) => record.memport === port)
  );
}

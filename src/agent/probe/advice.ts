import { hex } from '../../abi/codec.js';
import type { Advice, Brick, Verdict } from '../api/brick-schema.js';
import { NO_PCI_DEVICE } from '../backend/pci.js';
import { SDMC } from '../backend/sdmc.js';
import { localWindow } from '../backend/window.js';
import type { RangeUse } from '../memory/types.js';
import type { BackendKind } from '../types.js';

/** All that was seen, before it is judged. */
export type Seen = Omit<Brick, 'verdict' | 'modes' | 'advice'>;

/** What ranges of memports are used for, by memport; none where one is not in it. */
export type Uses = ReadonlyMap<number, RangeUse>;

const missing = (about: string, text: string): Advice => ({ level: 'missing', about, text });
const warning = (about: string, text: string): Advice => ({ level: 'warning', about, text });
const note = (about: string, text: string): Advice => ({ level: 'note', about, text });

/**
 * What this brick can do. What could not be seen for want of permission is not called missing: the
 * verdict is `in part` then. Files are a brick that is a process: it has no use for the kernel.
 */
export function judge(
  seen: Seen,
  backend: BackendKind,
  refused?: string,
): Pick<Brick, 'verdict' | 'modes'> {
  const memory = seen.registers !== null && seen.pool !== null;
  const module = seen.kernel.module.loaded && seen.kernel.module.mismatch === null;
  const device = memory && (backend === 'file' || (module && windowFits(seen)));
  const systemRam =
    device && backend !== 'file' && seen.kernel.hotplug && seen.numa.possible.includes(seen.node);
  const whole = backend === 'file' ? device : device && systemRam;
  const some =
    seen.registers !== null || refused !== undefined || denied(seen.lacks.registers?.message);
  const verdict: Verdict = whole ? 'usable' : some ? 'in part' : 'not';
  return { verdict, modes: { systemRam, device } };
}

/**
 * One sentence for each thing that is missing, bad or good to know: what is so and what to do.
 * @param refused why an agent that runs could not be asked.
 */
export function advise(seen: Seen, backend: BackendKind, uses: Uses, refused?: string): Advice[] {
  const advice = [...registers(seen, backend, uses)];
  if (refused !== undefined) advice.unshift(warning('agent', sentence(refused)));
  if (backend === 'file') {
    advice.push(
      note(
        'process',
        'The registers are a file, so this brick is a plain process: memory is attached in mode ' +
          'device only, and neither kernel nor module takes part.',
      ),
    );
    return advice;
  }
  return [...advice, ...drivers(seen, backend), ...kernel(seen), ...numa(seen)];
}

function* registers(seen: Seen, backend: BackendKind, uses: Uses): Generator<Advice> {
  if (seen.registers === null) {
    if (backend === 'bar' && seen.devices.length === 0) {
      yield missing(
        'registers',
        `This machine has ${NO_PCI_DEVICE}: insert sdmc if the registers are in ` +
          'logic (`modprobe sdmc`; on a board: docs/zynq.md), or boot it as a brick, as `sdm rack up` ' +
          'does, or configure a register file.',
      );
    } else {
      yield missing('registers', registersLack(seen.lacks.registers?.message));
    }
  }
  if (seen.registers !== null && seen.pool === null) {
    yield missing('pool', sentence(seen.lacks.pool?.message ?? 'there is no pool'));
  }
  if (seen.registers !== null && !seen.registers.translation) {
    yield warning(
      'isolation',
      'There is no translation (remote = local - window base), so this brick reaches the whole ' +
        'pool: nothing but the shares in their configurations isolates bricks from each other.',
    );
  }
  if (seen.source === 'agent') yield* foreign(seen, uses);
}

/** What to do first about a memport that nobody knows, by what its range is used for. */
const FIRST: Readonly<Record<RangeUse, readonly [what: string, first: string]>> = {
  none: ['', ''],
  ram: [
    ', and system RAM lies behind',
    'take its memory blocks offline and remove the range from the kernel first ' +
      '(docs/attachments.md), then ',
  ],
  mapped: [', and programs map the range', 'end these programs first, then '],
  exposed: [', and programs may map the range', 'conceal it first (docs/journal.md), then '],
};

function* foreign({ registers }: Seen, uses: Uses): Generator<Advice> {
  const stray = (registers?.set ?? []).filter(({ owner }) => owner === 'foreign');
  for (const use of ['none', 'ram', 'mapped', 'exposed'] as const) {
    const ports = stray
      .map(({ port }) => port)
      .filter((port) => (uses.get(port) ?? 'none') === use);
    if (ports.length === 0) continue;
    const [what, first] = FIRST[use];
    const who = ports.length === 1 ? `Memport ${ports[0]} was` : `Memports ${list(ports)} were`;
    yield warning(
      'foreign',
      `${who} set by nobody that this agent knows${what}: ${first}clear ` +
        `${ports.length === 1 ? 'it' : 'each'} with \`sdm-agent memport clear ` +
        `${ports.length === 1 ? ports[0] : 'N'} --override\`` +
        (use === 'none' ? ' once nothing uses its range.' : '.'),
    );
  }
}

/** "1", "1 and 2", "1, 2 and 3". */
function list(ports: readonly number[]): string {
  const last = ports.at(-1);
  return ports.length < 2 ? `${last}` : `${ports.slice(0, -1).join(', ')} and ${last}`;
}

function* drivers({ devices }: Seen, backend: BackendKind): Generator<Advice> {
  for (const { pci, role, driver } of devices) {
    if (driver === null) continue;
    // that is the way which the agent takes
    if (role === 'registers' && (backend === 'sysfs' || backend === 'uio')) continue;
    const through =
      driver === SDMC ? 'set registers.backend to "auto" or "sysfs" to go through it, or ' : '';
    yield warning(
      'driver',
      `The driver ${driver} is bound to ${pci} (${role}), which may keep the agent from mapping ` +
        `it: ${through}unbind it with \`echo ${pci} > /sys/bus/pci/drivers/${driver}/unbind\`.`,
    );
  }
}

function* kernel(seen: Seen): Generator<Advice> {
  const { hotplug, module, autoOnline, lockdown, demotion, release } = seen.kernel;
  if (!hotplug) {
    yield missing(
      'hotplug',
      `The kernel ${release} cannot hot-plug memory (/sys/devices/system/memory is missing): boot ` +
        'one with CONFIG_MEMORY_HOTPLUG and CONFIG_MEMORY_HOTREMOVE for mode system-ram.',
    );
  }
  if (!module.loaded) {
    yield missing(
      'module',
      'The kernel module sdmc_mem is not inserted: run `insmod sdmc_mem.ko` (in a brick of ' +
        '`sdm rack`: `insmod /opt/sdm/sdmc_mem.ko`).',
    );
  } else if (module.mismatch !== null) {
    yield missing(
      'module',
      `The kernel module sdmc_mem ${module.mismatch}: run \`rmmod sdmc_mem\` and insert the one ` +
        'that was built with this agent.',
    );
  } else if (!module.readable) {
    yield note(
      'window',
      'Whether sdmc_mem holds a window, and which, cannot be read ' +
        '(/sys/class/misc/sdm-window/window): run probe as root, or ask a running agent.',
    );
  } else if (!windowFits(seen)) {
    const wanted = wantedWindow(seen);
    yield missing(
      'window',
      `The module holds the window ${module.window?.start} (${module.window?.size} bytes), but this ` +
        `brick needs ${hex(wanted?.start ?? 0n)} (${hex(wanted?.size ?? 0n)} bytes): detach what ` +
        'uses it, then run `echo none > /sys/class/misc/sdm-window/window`.',
    );
  }
  if (lockdown !== null && lockdown !== 'none') {
    yield missing(
      'lockdown',
      `The kernel is locked down (${lockdown}), so BARs cannot be mapped and unsigned modules not ` +
        'be inserted: boot with lockdown=none and, on real hardware, without Secure Boot.',
    );
  }
  if (hotplug && autoOnline !== null && autoOnline !== 'offline') {
    yield note(
      'auto-online',
      `New memory onlines itself (auto_online_blocks is "${autoOnline}"): the agent switches that ` +
        'off for each add; boot with memhp_default_state=offline to keep it off.',
    );
  }
  if (demotion === false) {
    yield note(
      'demotion',
      'Cold pages do not move to remote memory by themselves: run ' +
        '`echo 1 > /sys/kernel/mm/numa/demotion_enabled` if they shall.',
    );
  }
}

function* numa({ numa: { possible, online, differ, firmware }, node, kernel }: Seen) {
  if (!possible.includes(node)) {
    const has = possible.length === 0 ? 'no node' : `only node ${possible.join(', ')}`;
    yield missing(
      'node',
      `Remote memory is to join node ${node}, but ${has} is possible: configure one of these as ` +
        '"node", or boot with a device tree whose distance map names more.',
    );
  }
  const dropped = differ.filter((pair) => pair.from < pair.to || !hasReverse(differ, pair));
  if (dropped.length > 0) {
    const list = dropped.map((d) => `${d.from}-${d.to} ${d.kernel}, not ${d.firmware}`).join('; ');
    yield note(
      'distances',
      `The kernel shows distances that the firmware does not give (${list}): that is the kernel, ` +
        'which drops the distances of nodes without memory at boot, and not the topology.',
    );
  }
  const pending = (firmware ?? []).filter(
    ({ from, to, distance }) =>
      from < to && distance !== 20 && possible.includes(to) && !online.includes(to),
  );
  if (pending.length > 0 && dropped.length === 0) {
    const list = pending.map((p) => `${p.from}-${p.to} ${p.distance}`).join('; ');
    yield note(
      'distances',
      `The firmware gives distances for nodes that are not online yet (${list}): if ${kernel.release} ` +
        'shows 20 for them, that is the kernel and not the topology.',
    );
  }
}

function hasReverse(pairs: Brick['numa']['differ'], { from, to }: { from: number; to: number }) {
  return pairs.some((pair) => pair.from === to && pair.to === from);
}

/** The window as the agent parks it. */
function wantedWindow({ registers, pool }: Seen): ReturnType<typeof localWindow> | undefined {
  if (registers === null || pool === null) return undefined;
  const { translation, windowBase, windowSize } = registers;
  return localWindow(
    { translation, windowBase: BigInt(windowBase), windowSize: BigInt(windowSize) },
    pool.start === null ? undefined : { start: BigInt(pool.start), size: BigInt(pool.size) },
  );
}

/** True while nothing is parked: the agent parks the window when it first needs it. */
function windowFits(seen: Seen): boolean {
  const { window } = seen.kernel.module;
  const wanted = wantedWindow(seen);
  if (window === null || wanted === undefined) return true;
  return window.start === hex(wanted.start) && window.size === hex(wanted.size);
}

function registersLack(message = 'there are no registers'): string {
  if (!denied(message)) return sentence(message);
  return sentence(`${message.replace(/\.$/, '')}; run probe as root, or ask a running agent`);
}

/** Whether registers are there, but not for this user to see. */
function denied(message = ''): boolean {
  return /\b(EACCES|EPERM)\b/.test(message);
}

/** An error's message as a sentence of its own. */
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

import { formatPairs, formatTable } from '../../common/table.js';
import { formatSize, roughSize } from '../../common/units.js';
import { NO_PCI_DEVICE } from '../backend/pci.js';
import type { Advice, Brick, Kernel, Numa, Registers } from '../api/brick-schema.js';

const MARKS: Readonly<Record<Advice['level'], string>> = {
  missing: 'MISSING',
  warning: 'WARNING',
  note: 'note',
};

const size = (bytes: string): string => formatSize(BigInt(bytes));
const yes = (is: boolean): string => (is ? 'yes' : 'no');

/** A brick for people: what there is, then what to do about what there is not. */
export function brickTable(brick: Brick): string {
  const sections = [
    formatPairs([
      ['brick', brick.brick ?? '(no name)'],
      ['verdict', brick.verdict],
      ['system-ram', yes(brick.modes.systemRam)],
      ['device', yes(brick.modes.device)],
      ['asked', brick.source === 'agent' ? 'the running agent' : 'the hardware (no agent)'],
    ]),
    titled('Devices', devices(brick)),
    titled('Registers', brick.registers === null ? '  none' : registers(brick.registers)),
    titled('Pool', pool(brick)),
    titled('Kernel', kernel(brick.kernel)),
    titled('NUMA', numa(brick.numa)),
  ];
  const advice = brick.advice.map(({ level, text }) => `${MARKS[level]}: ${text}`);
  if (advice.length > 0) sections.push(advice.join('\n'));
  return sections.join('\n\n');
}

function titled(title: string, body: string): string {
  return `${title}\n${body}`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}

function devices({ devices }: Brick): string {
  if (devices.length === 0) return `  ${NO_PCI_DEVICE}`;
  const rows = devices.flatMap((device) =>
    device.bars.map((bar, i) => [
      i === 0 ? device.pci : '',
      i === 0 ? device.role : '',
      i === 0 ? (device.driver ?? '-') : '',
      String(bar.index),
      bar.start,
      size(bar.size),
    ]),
  );
  return indent(formatTable(['PCI', 'ROLE', 'DRIVER', 'BAR', 'START', 'SIZE'], rows));
}

function registers(found: Registers): string {
  const pairs = formatPairs(
    [
      ['at', `${found.at} (${found.backend})`],
      ['features', found.features.join(', ') || 'none'],
      ['addressing', found.translation ? 'translation' : 'identity (remote = local - base)'],
      ['isolation', found.isolation ? 'yes: only what memports map is reached' : 'no'],
      ['window', `${found.windowBase}, ${size(found.windowSize)}`],
      ['remote', `below ${found.remoteSize} (${size(found.remoteSize)})`],
      ['granule', size(found.granule)],
      ['transceivers', String(found.ntransceivers)],
      ['memports', `${found.nports}, of which ${found.set.length} set`],
      ...checksOff(found),
    ],
    '  ',
  );
  if (found.set.length === 0) return pairs;
  const rows = found.set.map((port) => [
    String(port.port),
    port.start,
    port.end,
    port.remote ?? '-',
    port.statusName,
    port.attachment ?? port.owner ?? '-',
  ]);
  const table = formatTable(['MEMPORT', 'START', 'END', 'REMOTE', 'STATUS', 'OWNER'], rows);
  return `${pairs}\n${indent(table)}`;
}

/** Only what is off: who did not ask for it should see it. */
function checksOff({ checks }: Registers): [string, string][] {
  const off = [
    ...(checks?.alignment === false ? ['alignment'] : []),
    ...(checks?.remoteOverlap === false ? ['remote overlap'] : []),
  ];
  return off.length === 0 ? [] : [['not checked', off.join(', ')]];
}

function pool({ pool: found }: Brick): string {
  if (found === null) return '  none';
  const pairs: [string, string][] = [
    ['at', found.at],
    ['size', size(found.size)],
  ];
  if (found.start !== null) pairs.push(['base', found.start]);
  return formatPairs(pairs, '  ');
}

function kernel(found: Kernel): string {
  const { module } = found;
  const window =
    module.window === null
      ? module.readable
        ? 'no window'
        : 'window not readable'
      : `window ${module.window.start}, ${size(module.window.size)}`;
  const present = found.ways.filter(({ state }) => state !== 'absent');
  return formatPairs(
    [
      ['release', found.release],
      ['page size', found.pageSize === null ? 'unknown' : size(`0x${found.pageSize.toString(16)}`)],
      ['lockdown', found.lockdown ?? 'unknown'],
      ['hot-plug', yes(found.hotplug)],
      ['memory block', found.blockSize === null ? '-' : size(found.blockSize)],
      ['auto-online', found.autoOnline ?? '-'],
      ['sdmc_mem', module.loaded ? `${module.version ?? 'no version'}, ${window}` : 'not inserted'],
      [
        'other ways',
        [
          ...present.map((way) => `${way.module} (${way.state})`),
          ...(found.memoryProbe ? ['memory/probe'] : []),
        ].join(', ') || 'none',
      ],
      ['demotion', found.demotion === null ? 'unknown' : found.demotion ? 'on' : 'off'],
    ],
    '  ',
  );
}

function numa(found: Numa): string {
  const rows = found.nodes.map((node) => [
    String(node.node),
    roughSize(BigInt(node.totalBytes)),
    yes(node.cpus),
    node.tier === undefined ? '-' : String(node.tier),
    node.distances.map((to) => `${to.node}:${to.distance}`).join(' '),
  ]);
  const lists = formatPairs(
    [
      ['possible', found.possible.join(', ') || 'none'],
      ['online', found.online.join(', ') || 'none'],
    ],
    '  ',
  );
  if (rows.length === 0) return lists;
  const table = formatTable(['NODE', 'MEMORY', 'CPUS', 'TIER', 'DISTANCES'], rows);
  return `${lists}\n${indent(table)}`;
}

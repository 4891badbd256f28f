import { sdmCommand } from '../common/called.js';
import { formatPairs } from '../common/table.js';
import { formatSize } from '../common/units.js';
import type { Rack } from '../rack/index.js';

/** What a user who kept the bricks can do with them; each line can be typed as it is. */
export function whatToTry(rack: Rack, bricks: number, size: bigint): string {
  const { name, dir, qemu } = rack;
  // Without the variable that decided where the rack is, the commands would not find it.
  const place = ['SDM_STATE', 'ARTDIR'].find((variable) => process.env[variable]);
  const prefix = place === undefined ? '' : `${place}=${process.env[place]} `;
  const inRack = (command: string, rest = ''): string =>
    `${prefix}${sdmCommand()} rack ${command} --name ${name}${rest}`;
  const sdm = `${sdmCommand()} platform`;
  const controller = `--controller ${rack.state().control?.controller ?? ''}`;
  const create = `create ${controller} --cores 2 --remote ${formatSize(size).replace(' ', '')}`;
  const lines = formatPairs(
    [
      [inRack('ssh', ' 1'), 'log in as root'],
      [inRack('exec', ' 1 -- sdm-agent probe'), 'what the brick has'],
      [`${sdm} ${create} --mode system-ram --node 1 --brick 0.0.0`, 'have brick 1 borrow'],
      [`${sdm} list ${controller}`, 'what was borrowed; "release ID" gives it back'],
      [inRack('exec', ' 1 -- memfill --node 1 --size 64M --seed 1'), 'use what was borrowed'],
      ...(qemu === 'patched'
        ? ([[inRack('monitor', ' 1 info sdm'), 'its memports, as QEMU has them']] as const)
        : []),
      [inRack('console', ` ${bricks}`), 'the console; Ctrl-] leaves it'],
      [inRack('down'), 'stop them and remove everything'],
    ],
    '  ',
  );
  return `\nThe bricks are still up. Try:\n${lines}\nFiles, with the exact QEMU command lines: ${dir}`;
}

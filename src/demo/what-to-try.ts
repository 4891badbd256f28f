import { sdmCommand } from '../common/called.js';
import { formatPairs } from '../common/table.js';
import { formatSize } from '../common/units.js';
import type { Rack } from '../rack/index.js';

/** What a user who kept the bricks can do with them; each line can be typed as it is. */
export function whatToTry({ name, dir, qemu }: Rack, bricks: number, size: bigint): string {
  // Without the variable that decided where the rack is, the commands would not find it.
  const place = ['SDM_STATE', 'ARTDIR'].find((variable) => process.env[variable]);
  const prefix = place === undefined ? '' : `${place}=${process.env[place]} `;
  const rack = (command: string, rest = ''): string =>
    `${prefix}${sdmCommand()} rack ${command} --name ${name}${rest}`;
  const attach = `attach --size ${formatSize(size).replace(' ', '')}`;
  const lines = formatPairs(
    [
      [rack('ssh', ' 1'), 'log in as root'],
      [rack('exec', ' 1 -- sdm-agent probe'), 'what the brick has'],
      [rack('exec', ` 1 -- sdm-agent ${attach}`), 'borrow; then "list", and "detach ID"'],
      [rack('exec', ' 1 -- memfill --node 1 --size 64M --seed 1'), 'use what was borrowed'],
      ...(qemu === 'patched'
        ? ([[rack('monitor', ' 1 info sdm'), 'its memports, as QEMU has them']] as const)
        : []),
      [rack('console', ` ${bricks}`), 'the console; Ctrl-] leaves it'],
      [rack('down'), 'stop them and remove everything'],
    ],
    '  ',
  );
  return `\nThe bricks are still up. Try:\n${lines}\nFiles, with the exact QEMU command lines: ${dir}`;
}

import { Command } from 'commander';
import { sdmCommand } from '../../common/called.js';
import { formatTable } from '../../common/table.js';
import { formatSize } from '../../common/units.js';
import type { BrickStatus, RackStatus } from '../../rack/index.js';

export function statusCommand(): Command {
  return new Command('status')
    .description('show all racks, or one')
    .option('-n, --name <rack>', 'only this rack')
    .option('--json', 'an array of racks, for programs')
    .addHelpText(
      'after',
      `
ATTACHED is what the brick's memports map, by its registers; SHARE is its own part of the pool. QEMU
is "patched" for a rack that was made with --qemu patched.
A rack is running, degraded (not all bricks run), dead (none does), starting, or broken (an "up"
died early). "${sdmCommand()} rack down" cleans up after each of them.`,
    )
    .action(async ({ name, json }: { name?: string; json?: true }) => {
      const { listRacks, openRack } = await import('../../rack/index.js');
      const racks = name === undefined ? listRacks() : [openRack(name)];
      const all = await Promise.all(racks.map((rack) => rack.status()));
      if (json === true) console.log(JSON.stringify(all, null, 2));
      else if (all.length === 0) console.log(`no racks; "${sdmCommand()} rack up" makes one`);
      else {
        console.log(statusTable(all));
        const daemons = daemonTable(all);
        if (daemons !== undefined) console.log(`\n${daemons}`);
        for (const rack of all) console.log(`\n${rack.name}: ${rack.dir}`);
      }
    });
}

/** One line a brick. */
export function statusTable(racks: readonly RackStatus[]): string {
  const right = (title: string): { title: string; align: 'right' } => ({ title, align: 'right' });
  return formatTable(
    [
      'RACK',
      'STATE',
      'QEMU',
      right('BRICK'),
      'STATE',
      right('PID'),
      right('SSH PORT'),
      right('UPTIME'),
      right('ATTACHED'),
      right('SHARE'),
      right('POOL'),
    ],
    racks.flatMap((rack) => {
      const pool = size(rack.pool?.size);
      const cells = [rack.name, rack.state, rack.qemu ?? '-'];
      if (rack.bricks.length === 0) return [[...cells, '', '', '', '', '', '', '', pool]];
      return rack.bricks.map((brick) => [...cells, ...brickCells(brick), pool]);
    }),
  );
}

/** One line a daemon; undefined where no rack has any. */
export function daemonTable(racks: readonly RackStatus[]): string | undefined {
  const rows = racks.flatMap((rack) =>
    rack.daemons.map(({ name, state, pid, brick, uptimeMs, address }) => [
      ...[rack.name, name, state, String(pid ?? '-'), brick ?? '-'],
      ...[uptimeMs === null ? '-' : uptime(uptimeMs), address],
    ]),
  );
  if (rows.length === 0) return undefined;
  return formatTable(
    [
      ...['RACK', 'DAEMON', 'STATE'],
      { title: 'PID', align: 'right' },
      'BRICK',
      { title: 'UPTIME', align: 'right' },
      'ADDRESS',
    ],
    rows,
  );
}

function brickCells(brick: BrickStatus): string[] {
  return [
    String(brick.n),
    brick.state,
    String(brick.pid ?? '-'),
    String(brick.sshPort ?? '-'),
    brick.uptimeMs === null ? '-' : uptime(brick.uptimeMs),
    size(brick.attached),
    size(brick.share?.size),
  ];
}

function size(hex: string | null | undefined): string {
  return hex === null || hex === undefined ? '-' : formatSize(BigInt(hex));
}

/** `42s`, `3m 05s`, `2h 10m`, `4d 3h`. */
export function uptime(ms: number): string {
  const s = Math.floor(ms / 1000);
  const two = (n: number): string => String(n).padStart(2, '0');
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86_400)}d ${Math.floor(s / 3600) % 24}h`;
}

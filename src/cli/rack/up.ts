import { Command } from 'commander';
import { sdmCommand } from '../../common/called.js';
import { Progress } from '../../common/progress.js';
import type { QemuKind, RackStatus } from '../../rack/index.js';
import { cancellable } from '../cancellable.js';
import {
  countArgument,
  distanceArgument,
  nameOption,
  qemuOption,
  secondsArgument,
  sizeArgument,
} from './options.js';
import { statusTable } from './status.js';

interface UpOptions {
  readonly name: string;
  readonly bricks: number;
  readonly qemu: QemuKind;
  readonly pool?: bigint;
  readonly memory?: bigint;
  readonly distance?: readonly [number, number];
  readonly append?: string;
  readonly timeout: number;
  readonly controller?: true;
  readonly json?: true;
}

const GIB = 1n << 30n;

export function upCommand(): Command {
  return new Command('up')
    .description('make a rack and boot its bricks')
    .addOption(nameOption())
    .option('-b, --bricks <number>', 'how many bricks', countArgument, 2)
    .addOption(qemuOption())
    .option(
      '--pool <size>',
      'the pool that the bricks share, a power of two (default: 2 GiB a brick, rounded up)',
      sizeArgument,
    )
    .option('--memory <size>', 'RAM of a brick’s own (default: 512 MiB)', sizeArgument)
    .option(
      '--distance <d1[,d2]>',
      'distances of the empty nodes 1 and 2 from node 0 (default: 20,40)',
      distanceArgument,
    )
    .option('--controller', 'with a controller, a tray’s daemon and two lenders of the pool')
    .option('--append <text>', 'more for the kernel’s command line')
    .option('--timeout <seconds>', 'how long a brick may take to boot', secondsArgument, 180)
    .option('--json', 'print the rack as JSON when it is up')
    .addHelpText(
      'after',
      `
Each brick is an aarch64 virtual machine on QEMU, with no privileges. The pool is a file on
/dev/shm (SDM_SHM names another tmpfs); all of it is allocated at once. Everything else is in one
directory, which "${sdmCommand()} rack status" names; brick-N/qemu.cmd there is what was started.
The first time takes longer: kernel and guest are made and kept in the cache. With --qemu patched
memports translate, and a brick reaches nothing that none of them maps; QEMU with the patches for
that is built at its first use (SDM_QEMU may name one). With --controller most of the pool is lent by
two memory bricks, and "${sdmCommand()} platform create" attaches; "${sdmCommand()} rack status" shows the daemons.

Next: ${sdmCommand()} rack exec 1 -- sdm-agent probe`,
    )
    .action(up);
}

async function up(options: UpOptions): Promise<void> {
  const { rackUp } = await import('../../rack/index.js');
  const progress = new Progress({ stream: process.stderr });
  const rack = await cancellable((signal) =>
    progress.step(`Bring rack ${options.name} up`, (report) =>
      rackUp({
        name: options.name,
        bricks: options.bricks,
        qemu: options.qemu,
        controller: options.controller === true,
        ...(options.pool !== undefined && { poolSize: options.pool }),
        ...(options.memory !== undefined && { memory: options.memory }),
        ...(options.distance !== undefined && { distances: options.distance }),
        ...(options.append !== undefined && { append: options.append }),
        bootTimeoutMs: options.timeout * 1000,
        progress,
        onProgress: report,
        signal,
      }),
    ),
  );
  const status = await rack.status();
  if (options.json === true) console.log(JSON.stringify(status, null, 2));
  else console.log(`${statusTable([status])}\n\n${next(status)}`);
}

function next({ name, dir, bricks, daemons }: RackStatus): string {
  const sdm = sdmCommand();
  const controller = daemons.find((daemon) => daemon.name === 'controller');
  const share = BigInt(bricks[0]?.share?.size ?? 0);
  const size = share < GIB ? `${share >> 20n}M` : '1G';
  const of = name === 'r0' ? '' : ` --name ${name}`;
  return [
    `Log in:      ${sdm} rack ssh${of} 1`,
    `Look around: ${sdm} rack exec${of} 1 -- sdm-agent probe`,
    controller === undefined
      ? `Attach:      ${sdm} rack exec${of} 1 -- sdm-agent attach --size ${size}`
      : `Attach:      ${sdm} platform create --controller ${controller.address} --cores 2 --remote 1GiB --mode system-ram --node 1`,
    `End:         ${sdm} rack down${of}`,
    `Files:       ${dir}`,
  ].join('\n');
}

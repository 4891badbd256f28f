import { closeSync, ftruncateSync, openSync, statSync, unlinkSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { BLOCK_MAX } from '../../abi/constants.js';
import { PROFILES } from '../../abi/profiles.js';
import { SdmError } from '../../common/errors.js';
import { hex } from '../../common/units.js';
import type { FormatOptions, RegisterSource } from '../../native/types.js';
import { addressArgument, integerArgument, sizeArgument } from './client.js';
import { print, printJson, sizeText } from './output.js';

interface Options {
  readonly pci?: string;
  readonly resource?: number;
  readonly uio?: string;
  readonly profile: 'generic' | 'zynq';
  readonly pool?: string;
  readonly ports?: number;
  readonly windowBase?: string;
  readonly windowSize?: string;
  readonly remoteSize?: string;
  readonly granule?: string;
  readonly transceivers?: number;
  readonly force?: true;
  readonly json?: true;
}

export function registersCommands(program: Command): void {
  const registers = program.command('registers').description('register blocks without logic');
  registers
    .command('format')
    .description('format a passive block: a file (made if missing), an ivshmem or a UIO device')
    .argument('[file]', 'register file; or use --pci or --uio')
    .option('--pci <address>', 'PCI address, such as 0000:00:02.0')
    .option(
      '--resource <n>',
      'its BAR, if not where such devices have registers',
      integerArgument(0, 5),
    )
    .option('--uio <device>', 'UIO device, such as uio0')
    .addOption(
      new Option('--profile <name>', 'where the defaults come from')
        .choices(['generic', 'zynq'])
        .default('generic'),
    )
    .option('--pool <file>', 'window and remote space as large as this file')
    .option('--ports <n>', 'memports', integerArgument(1, 512))
    .option('--window-base <address>', "0x0: the pool BAR's base", addressArgument)
    .option('--window-size <size>', 'local range for remote memory', sizeArgument)
    .option('--remote-size <size>', 'remote addresses are below it', sizeArgument)
    .option('--granule <size>', 'alignment of ranges', sizeArgument)
    .option('--transceivers <n>', 'links', integerArgument(0, 16))
    .option('--force', 'also over a valid block, and with memports set')
    .option('--json', 'print JSON for programs')
    .action(format);
}

async function format(file: string | undefined, options: Options): Promise<void> {
  const source = await sourceOf(file, options);
  const { native } = await import('../../native/index.js');
  const made = 'path' in source && createFile(source.path);
  let info;
  try {
    info = native.formatRegisters(source, formatOptions(options));
  } catch (error) {
    if (made && 'path' in source) unlinkSync(source.path);
    throw error;
  }
  const { nports, windowBase, windowSize, remoteSize, granule, ntransceivers } = info;
  if (options.json) {
    return printJson({
      nports,
      windowBase: hex(windowBase),
      windowSize: hex(windowSize),
      remoteSize: hex(remoteSize),
      granule: hex(granule),
      ntransceivers,
    });
  }
  print(
    `formatted ${file ?? options.pci ?? options.uio}: ${nports} memports, window ${sizeText(hex(windowSize))} at ` +
      `${hex(windowBase)}, granule ${sizeText(hex(granule))}, ${ntransceivers} transceivers`,
  );
}

async function sourceOf(file: string | undefined, options: Options): Promise<RegisterSource> {
  const { pci, resource, uio } = options;
  if ([file, pci, uio].filter((named) => named !== undefined).length !== 1) {
    throw new SdmError(
      'SDM_USAGE',
      'name either a register file, a device with --pci, or one with --uio',
    );
  }
  if (file !== undefined) return { path: file };
  return pci === undefined ? uioNamed(uio ?? '') : pciNamed(pci, resource);
}

/** Of logic the other BARs are no memory: a look into its window would end this process. */
async function pciNamed(pci: string, resource?: number): Promise<RegisterSource> {
  if (resource !== undefined) return { pci, resource };
  const { registersBar } = await import('../../agent/backend/pci.js');
  return { pci, resource: registersBar('/sys', pci) };
}

/** What its range is, only sysfs says: whether a header belongs into it, too. */
async function uioNamed(name: string): Promise<RegisterSource> {
  const { listUio, namedUio, uioSource } = await import('../../agent/backend/uio.js');
  return uioSource(namedUio(listUio('/sys'), name));
}

/**
 * A file that is there already keeps its length: too short a one is the addon's to refuse.
 * @returns true if there was none.
 */
function createFile(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o660);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new SdmError('SDM_INPUT', `cannot create ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  try {
    ftruncateSync(fd, BLOCK_MAX);
    return true;
  } finally {
    closeSync(fd);
  }
}

function formatOptions(options: Options): FormatOptions {
  const granule =
    options.granule === undefined ? PROFILES[options.profile].granule : BigInt(options.granule);
  const pool = options.pool === undefined ? undefined : poolSize(options.pool, granule);
  const size = (own: string | undefined): bigint | undefined =>
    own === undefined ? pool : BigInt(own);
  const windowSize = size(options.windowSize);
  const remoteSize = size(options.remoteSize);
  if (options.profile === 'generic' && (windowSize === undefined || remoteSize === undefined)) {
    throw new SdmError(
      'SDM_INPUT',
      'profile generic fits the size of a pool, and none was given: name its file with --pool, or ' +
        'give --window-size and --remote-size',
    );
  }
  return {
    profile: options.profile,
    ...(options.ports === undefined ? {} : { nports: options.ports }),
    ...(options.windowBase === undefined ? {} : { windowBase: BigInt(options.windowBase) }),
    ...(windowSize === undefined ? {} : { windowSize }),
    ...(remoteSize === undefined ? {} : { remoteSize }),
    ...(options.granule === undefined ? {} : { granule: BigInt(options.granule) }),
    ...(options.transceivers === undefined ? {} : { ntransceivers: options.transceivers }),
    ...(options.force === undefined ? {} : { force: true }),
  };
}

/** @throws SDM_INPUT for a pool that cannot be read, or of which nothing could be lent. */
function poolSize(path: string, granule: bigint): bigint {
  let size: bigint;
  try {
    size = BigInt(statSync(path).size);
  } catch (cause) {
    throw new SdmError(
      'SDM_INPUT',
      `the pool ${path} cannot be read: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
  // The first granule is the pool's header, which is never lent.
  const least = 2n * granule;
  if (granule > 0n && (size < least || size % granule !== 0n)) {
    throw new SdmError(
      'SDM_INPUT',
      `the pool ${path} has ${size} bytes; expected a multiple of the granule, ` +
        `${sizeText(hex(granule))}, and ${sizeText(hex(least))} or more, since the first granule ` +
        `is never lent: make it larger (truncate --size ${nextSize(size, granule)} ${path}), or ` +
        'choose another --granule',
      { details: { pool: path, size: hex(size), granule: hex(granule) } },
    );
  }
  return size;
}

/** The smallest size of a pool that fits, not below `size`. */
function nextSize(size: bigint, granule: bigint): bigint {
  const granules = (size + granule - 1n) / granule;
  return (granules < 2n ? 2n : granules) * granule;
}

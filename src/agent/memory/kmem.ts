import { join } from 'node:path';
import { hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type { Native } from '../../native/types.js';
import { mayWrite } from './access.js';
import { blocksOf, blockState, type Range } from './blocks.js';
import { errnoOf, messageOf } from './errors.js';
import { bulkMs, COMMAND_MS, rangeText } from './regions.js';
import { readLinkName, readNames, readText } from './sysfs.js';
import type { WindowModule } from './window.js';

const BUS = 'bus/dax';
const DRIVER = `${BUS}/drivers/kmem`;
const PLATFORM = 'bus/platform/devices';
/** Drivers that must be there, by the module that brings each. */
const NEEDED = [
  ['dax_hmem', 'bus/platform/drivers/hmem'],
  ['kmem', DRIVER],
] as const;
/** What the way in and the way out are written to. */
const COMMANDED = [`${DRIVER}/bind`, `${DRIVER}/unbind`] as const;
/** dax_hmem makes a device of no size with it, which kmem cannot take. */
const REGION_IDLE = "see the kernel's log, and whether dax_hmem's parameter region_idle is N";

/**
 * What memory of the way "kmem" needs before anything is touched. kmem takes a new device by itself, so
 * that an agent that may not write `unbind` would find out when it can no longer detach.
 * @param may whether a file may be written; default: by this process.
 * @throws SDM_NO_MODULE, with the modules to insert; SDM_MODE, with who may.
 */
export function checkKmem(sysfs: string, may: (path: string) => boolean = mayWrite): void {
  const missing = NEEDED.filter(([, driver]) => readNames(join(sysfs, driver)).length === 0).map(
    ([module]) => module,
  );
  if (missing.length > 0) {
    throw new SdmError(
      'SDM_NO_MODULE',
      `memory.way is "kmem", and the kernel's driver${missing.length === 1 ? '' : 's'} ` +
        `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not there: run ` +
        `\`modprobe -a ${missing.join(' ')}\` (CONFIG_DEV_DAX_HMEM, CONFIG_DEV_DAX_KMEM), or set ` +
        'memory.way to "module"',
      { details: { missing } },
    );
  }
  const shut = COMMANDED.find((file) => !may(join(sysfs, file)));
  if (shut === undefined) return;
  throw new SdmError(
    'SDM_MODE',
    `memory.way is "kmem", and only root may write ${join(sysfs, shut)}: run the agent as root, or ` +
      'set memory.way to "module"',
    { details: { path: join(sysfs, shut), errno: 'EACCES' } },
  );
}

/**
 * The second way to RAM: sdmc_mem announces a range as the kernel's "hmem", of which dax_hmem makes
 * a device on the DAX bus, which the driver kmem adds as memory of its node. All of it is the
 * kernel's own code, and its own rules hold: a device that is taken from kmem while one of its blocks
 * is online leaves memory that nobody can remove until the next boot.
 */
export class DaxKmem {
  readonly #native: Pick<Native, 'writeWithDeadline'>;
  readonly #sysfs: string;
  readonly #module: Pick<WindowModule, 'hmem'>;

  constructor(
    native: Pick<Native, 'writeWithDeadline'>,
    sysfs: string,
    module: Pick<WindowModule, 'hmem'>,
  ) {
    this.#native = native;
    this.#module = module;
    this.#sysfs = sysfs;
  }

  /** True where kmem has the device of this range. */
  isBound(range: Range): boolean {
    const device = this.#find(range);
    return device !== undefined && this.#driver(device) === 'kmem';
  }

  /**
   * Gives the device of an announced range to kmem, unless it has it.
   * @param memmap the range is to hold its own memory map, or not.
   * @throws SDM_KERNEL_REFUSED.
   */
  async bind(range: Range, memmap: boolean, blockSize: bigint): Promise<void> {
    const device = this.#device(range);
    if (this.#driver(device) === 'kmem') {
      if (this.#hasMemmap(device) === memmap) return;
      await this.#unbind(device, range, blockSize);
    }
    const other = this.#driver(device);
    if (other !== undefined) await this.#write(`${BUS}/drivers/${other}/unbind`, device, range);
    if (this.#hasMemmap(device) !== memmap) {
      await this.#write(`${BUS}/devices/${device}/memmap_on_memory`, memmap ? '1' : '0', range);
    }
    await this.#write(`${DRIVER}/bind`, device, range, `; ${REGION_IDLE}`);
    if (this.#driver(device) === 'kmem') return;
    throw this.#refused(range, `${device} was not taken by the driver kmem; ${REGION_IDLE}`);
  }

  /** Takes the device of a range from kmem; every block must be offline. @throws SDM_KERNEL_REFUSED. */
  async unbind(range: Range, blockSize: bigint): Promise<void> {
    const device = this.#find(range);
    if (device === undefined || this.#driver(device) !== 'kmem') return;
    await this.#unbind(device, range, blockSize);
  }

  async #unbind(device: string, range: Range, blockSize: bigint): Promise<void> {
    const online = blocksOf(range, blockSize).find((block) => {
      const state = blockState(this.#sysfs, block);
      return state !== undefined && state !== 'offline';
    });
    if (online !== undefined) {
      throw this.#refused(
        range,
        `memory block ${online} is online: taken from kmem now, ${device} could not be removed ` +
          'until the next boot',
      );
    }
    await this.#write(`${DRIVER}/unbind`, device, range);
  }

  /** Name of the device that dax_hmem made of this range, such as "dax0.0". */
  #find(range: Range): string | undefined {
    const hmem = this.#module.hmem(range);
    if (hmem === undefined) return undefined;
    return readNames(join(this.#sysfs, PLATFORM, hmem)).find((name) => /^dax\d+\.\d+$/.test(name));
  }

  #device(range: Range): string {
    const found = this.#find(range);
    if (found !== undefined) return found;
    throw this.#refused(range, "dax_hmem made no device of it; see the kernel's log");
  }

  #driver(device: string): string | undefined {
    return readLinkName(join(this.#sysfs, BUS, 'devices', device, 'driver'));
  }

  #hasMemmap(device: string): boolean {
    return readText(join(this.#sysfs, BUS, 'devices', device, 'memmap_on_memory')) === '1';
  }

  async #write(file: string, text: string, range: Range, more = ''): Promise<void> {
    const timeoutMs = COMMAND_MS + bulkMs(range);
    try {
      await this.#native.writeWithDeadline(join(this.#sysfs, file), text, timeoutMs);
    } catch (cause) {
      // the rights were others when it was attached, or a rule gave away a part of them
      const denied = errnoOf(cause) === 'EACCES';
      const hint = denied ? '; only root may: run the agent as root' : more;
      throw this.#refused(range, `"${text}" to ${file}: ${messageOf(cause)}${hint}`, cause);
    }
  }

  #refused(range: Range, why: string, cause?: unknown): SdmError {
    return new SdmError('SDM_KERNEL_REFUSED', `dax/kmem, ${rangeText(range)}: ${why}`, {
      details: { command: 'kmem', start: hex(range.start), errno: errnoOf(cause) ?? null },
      cause,
    });
  }
}

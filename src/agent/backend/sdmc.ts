import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import {
  blockLength,
  hasFeature,
  MEMPORT_BASE,
  readHeader,
  snapshotBase,
  snapshotWords,
} from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import {
  SNAPSHOT_HEADER_WORDS,
  type RegisterBlock,
  type RegisterBlockInfo,
} from '../../native/types.js';
import { readNames } from '../memory/sysfs.js';
import { isGone, systemError } from './errno.js';

/** The driver, as it is called in /sys/bus and by whoever binds it. */
export const SDMC = 'sdmc';

/** Where the driver has a directory for each device that it is bound to. */
export function sdmcDirectory(sysfs: string): string {
  return join(sysfs, 'sdmc/devices');
}

/** Names of the devices that the driver is bound to, such as "0000:00:02.0". */
export function listSdmc(sysfs: string): string[] {
  return readNames(sdmcDirectory(sysfs)).sort();
}

/**
 * The device whose registers are meant: the one named, or the only one.
 * @throws SDM_NO_REGISTERS.
 */
export function findSdmc(sysfs: string, wanted: string): string {
  const found = listSdmc(sysfs);
  const [first, second] = wanted === 'auto' ? found : found.filter((name) => name === wanted);
  if (first !== undefined && second === undefined) return first;
  const why =
    found.length === 0
      ? 'the driver sdmc is not inserted, or bound to no register block: `modprobe sdmc` (in a brick ' +
        'of `sdm rack`: `insmod /opt/sdm/sdmc.ko`), and see `dmesg | grep sdmc`'
      : second !== undefined
        ? `the driver sdmc is bound to several register blocks (${found.join(', ')}); name one as ` +
          'registers.device'
        : `the driver sdmc is not bound to ${wanted}, only to ${found.join(', ')}`;
  throw new SdmError('SDM_NO_REGISTERS', why, { details: { asked: wanted, found } });
}

/** What can be read of a block by whoever only looks. */
export type ReadableBlock = Pick<RegisterBlock, 'info' | 'snapshot' | 'read' | 'close'>;

/**
 * The files that the driver has for one device. They are reached through the directory as it was when
 * it was opened: a driver that is bound anew in between has other files under the same names, whose
 * lock we would not have.
 */
export class SdmcFiles implements ReadableBlock {
  readonly info: RegisterBlockInfo;
  readonly #device: string;
  readonly #root: string;
  #directory: number;
  #registers = -1;

  /**
   * @param device a name of {@link listSdmc}.
   * @param windowBase what stands in for a window base that the block leaves open; default: what the
   * driver found.
   */
  constructor(sysfs: string, device: string, windowBase?: bigint) {
    this.#device = device;
    this.#root = join(sdmcDirectory(sysfs), device);
    const flags = constants.O_RDONLY | constants.O_DIRECTORY;
    this.#directory = this.#call('', 'open', () => openSync(this.#root, flags));
    try {
      this.#registers = this.#call('registers', 'open', () =>
        openSync(this.#path('registers'), 'r'),
      );
      this.info = this.#readInfo(windowBase);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Whether the block leaves the base of its window to whoever reads it. */
  get windowOpen(): boolean {
    const words = new BigUint64Array(SNAPSHOT_HEADER_WORDS);
    this.#readWords(words, 0);
    return this.info.passive && readHeader(words).windowBase === 0n;
  }

  snapshot(into: BigUint64Array): void {
    const end = snapshotWords(this.info.nports);
    if (into.length < end) throw new RangeError(`a snapshot has ${end} words`);
    this.#readWords(into.subarray(0, SNAPSHOT_HEADER_WORDS), 0);
    this.#readWords(into.subarray(snapshotBase(0), end), MEMPORT_BASE);
  }

  read(offset: number): bigint {
    const word = new BigUint64Array(1);
    this.#readWords(word, offset);
    return word[0]!;
  }

  /** Registers that follow each other, from a byte offset on. */
  readInto(words: BigUint64Array, offset: number): void {
    this.#readWords(words, offset);
  }

  readText(file: string): string {
    return this.#call(file, 'read', () => readFileSync(this.#path(file), 'utf8').trim());
  }

  /** One write of a whole value, as attributes want it. @throws what the kernel answered. */
  write(file: string, value: string): void {
    let fd: number | undefined;
    try {
      fd = openSync(this.#path(file), constants.O_WRONLY);
      writeSync(fd, `${value}\n`);
    } catch (error) {
      if (isGone(error)) throw this.#gone(error);
      throw error;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  /** An error of a system call on one of the files; of another kind it stays as it is. */
  failed(file: string, call: string, error: unknown): unknown {
    return error instanceof SdmError
      ? error
      : systemError(`${join(this.#root, file)}: ${call}`, error);
  }

  close(): void {
    for (const fd of [this.#registers, this.#directory]) if (fd >= 0) closeSync(fd);
    this.#registers = -1;
    this.#directory = -1;
  }

  #path(file: string): string {
    if (this.#directory < 0) throw new SdmError('SDM_CLOSED', 'this register block was closed');
    return `/proc/self/fd/${this.#directory}/${file}`;
  }

  #readInfo(windowBase: bigint | undefined): RegisterBlockInfo {
    const words = new BigUint64Array(SNAPSHOT_HEADER_WORDS);
    this.#readWords(words, 0);
    const header = readHeader(words);
    const { version, features, nports, windowSize, remoteSize, granule, ntransceivers } = header;
    const passive = hasFeature(features, 'passive');
    const open = passive && header.windowBase === 0n;
    // the end of the last memport: a block that is too short is said so by the read
    this.read(blockLength(nports) - 8);
    return {
      ...{ version, features, nports, windowSize, remoteSize, granule, ntransceivers, passive },
      windowBase: open ? (windowBase ?? BigInt(this.readText('window_base'))) : header.windowBase,
    };
  }

  /** The kernel gives a page at a time. */
  #readWords(words: BigUint64Array, offset: number): void {
    if (this.#registers < 0) throw new SdmError('SDM_CLOSED', 'this register block was closed');
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    for (let done = 0; done < bytes.length;) {
      const got = this.#call('registers', 'read', () =>
        readSync(this.#registers, bytes, done, bytes.length - done, offset + done),
      );
      if (got === 0) {
        throw new SdmError(
          'SDM_BLOCK_SIZE',
          `the registers of ${this.#device} end at ${offset + done}, before their last memport does`,
        );
      }
      done += got;
    }
  }

  #call<T>(file: string, name: string, call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (error instanceof SdmError) throw error;
      throw isGone(error) ? this.#gone(error) : this.failed(file, name, error);
    }
  }

  #gone(cause: unknown): SdmError {
    const device = this.#device;
    return new SdmError(
      'SDM_NO_REGISTERS',
      `the driver sdmc is not bound to ${device} any more, so its memports cannot be reached: bind ` +
        'it again (`modprobe sdmc`, or `echo ' +
        `${device} > /sys/bus/pci/drivers/sdmc/bind\`) and start the agent again`,
      { details: { device }, cause },
    );
  }
}

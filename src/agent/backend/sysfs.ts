import {
  encodeOffset,
  hex,
  MEMPORT,
  MEMPORT_BASE,
  MEMPORT_STRIDE,
  readMemport,
  REG,
  STATUS,
  type MemportRegisters,
} from '../../abi/codec.js';
import { checkIndex, checkU64 } from '../../abi/numbers.js';
import { SdmError } from '../../common/errors.js';
import { SNAPSHOT_PORT_WORDS, type Native, type RegisterBlockInfo } from '../../native/types.js';
import type { Log, PoolConfig } from '../types.js';
import { nodeErrno } from './errno.js';
import { lockDevice, type Closable } from './lock.js';
import { openPool } from './pool.js';
import { findSdmc, SdmcFiles, sdmcDirectory } from './sdmc.js';
import { MemportSnapshot } from './snapshot.js';
import type { LinkState, MemportFields, NumberedMemport, Pool, RegisterBackend } from './types.js';

/** How the driver says why the logic refused; STATUS says the same, and more where it is newer. */
const REFUSALS: Readonly<Record<string, number>> = {
  ERANGE: STATUS.RANGE,
  EFAULT: STATUS.WINDOW,
  EEXIST: STATUS.OVERLAP,
  EADDRNOTAVAIL: STATUS.REMOTE,
  EDOM: STATUS.ALIGNMENT,
  ENOLINK: STATUS.LINK,
  ENOSPC: STATUS.RESOURCES,
};

/** Whatever is written to a memport before SET, in the order of the registers. */
type Fields = Pick<MemportRegisters, 'start' | 'end' | 'offset' | 'outId' | 'inId'>;

/**
 * Registers that the driver sdmc is bound to, through its files in /sys/sdmc.
 * @throws SDM_NO_REGISTERS; SDM_BLOCK_LOCKED; SDM_CONFIG; SDM_SYSTEM where a file is not to be opened.
 */
export function openSysfsBackend(
  native: Native,
  sysfs: string,
  wanted: string,
  poolWanted: PoolConfig | undefined,
  log: Log,
  { checkAlignment = true }: { readonly checkAlignment?: boolean } = {},
): RegisterBackend {
  const device = findSdmc(sysfs, wanted);
  const files = new SdmcFiles(sysfs, device);
  let lock: Closable | undefined;
  try {
    lock = lockDevice(native, sysfs, device, log, `${sdmcDirectory(sysfs)}/${device}/registers`);
    const pool = openPool(
      sysfs,
      poolWanted,
      { device: { address: device }, info: files.info },
      log,
    );
    if (files.info.passive) setAlignment(files, checkAlignment);
    const base = pool?.kind === 'bar' && files.windowOpen ? pool.base : files.info.windowBase;
    if (base !== files.info.windowBase) setWindowBase(files, device, base);
    return new SysfsBackend(files, { ...files.info, windowBase: base }, device, pool, lock);
  } catch (error) {
    files.close();
    lock?.close();
    throw error;
  }
}

/** Blocks with logic make their own checks, and the driver has no such switch for them. */
function setAlignment(files: SdmcFiles, wanted: boolean): void {
  const value = wanted ? '1' : '0';
  if (files.readText('check_alignment') === value) return;
  try {
    files.write('check_alignment', value);
  } catch (error) {
    throw files.failed('check_alignment', 'write', error);
  }
}

/** The driver found another pool than the one that was configured. */
function setWindowBase(files: SdmcFiles, device: string, base: bigint): void {
  try {
    files.write('window_base', hex(base));
  } catch (error) {
    if (error instanceof SdmError) throw error;
    const why =
      nodeErrno(error) === 'EBUSY'
        ? 'and memports are set: clear them first'
        : (error as Error).message;
    throw new SdmError(
      'SDM_CONFIG',
      `the driver sdmc has the window of ${device} at ${hex(files.info.windowBase)}, but the pool ` +
        `lies at ${hex(base)}, ${why}`,
      { cause: error },
    );
  }
}

class SysfsBackend implements RegisterBackend {
  readonly kind = 'sysfs';
  readonly #files: SdmcFiles;
  readonly #lock: Closable;
  readonly #snapshot: MemportSnapshot;
  readonly #one = new BigUint64Array(SNAPSHOT_PORT_WORDS);

  constructor(
    files: SdmcFiles,
    readonly info: RegisterBlockInfo,
    readonly registers: string,
    readonly pool: Pool | undefined,
    lock: Closable,
  ) {
    this.#files = files;
    this.#lock = lock;
    this.#snapshot = new MemportSnapshot(info.nports);
  }

  memports(): MemportRegisters[] {
    this.#files.snapshot(this.#snapshot.words);
    return Array.from({ length: this.info.nports }, (_, port) => this.#snapshot.memport(port));
  }

  setMemports(): NumberedMemport[] {
    this.#files.snapshot(this.#snapshot.words);
    const set: NumberedMemport[] = [];
    for (let port = 0; port < this.info.nports; port++) {
      if (this.#snapshot.isSet(port)) set.push(this.#snapshot.memport(port));
    }
    return set;
  }

  memport(port: number): MemportRegisters {
    this.#files.readInto(this.#one, MEMPORT_BASE + port * MEMPORT_STRIDE);
    return readMemport(this.#one, 0);
  }

  /** The deadline is the driver's own (its parameter set_timeout_ms): a write cannot be given one. */
  activate(port: number, { start, end, remote, outId, inId }: MemportFields): number {
    this.#check(port);
    const offset = encodeOffset(start, remote);
    checkU64('end', end);
    checkU64('outId', outId);
    checkU64('inId', inId);
    try {
      this.#writeFields(port, { start, end, offset, outId, inId });
    } catch (error) {
      if (nodeErrno(error) !== 'EBUSY') throw this.#failed(port, error);
      // Set already, and setting it changes nothing, whatever the fields were thought to be: but a
      // STATUS that somebody died before writing is written. Not set: the logic is still at work.
      if (!this.memport(port).set) return STATUS.BUSY;
    }
    return this.#command('set', port);
  }

  clear(port: number): number {
    this.#check(port);
    return this.#command('clear', port);
  }

  linkStatus(): bigint {
    return this.#files.read(REG.LINK_STATUS);
  }

  links(): LinkState {
    const { ntransceivers } = this.info;
    const downs = new BigUint64Array(ntransceivers);
    if (ntransceivers > 0) this.#files.readInto(downs, REG.LINK_DOWNS);
    return { status: this.linkStatus(), downs: [...downs] };
  }

  resetLink(transceiver: number): void {
    checkIndex('transceiver', transceiver, this.info.ntransceivers);
    this.#write('transceiver/reset', String(transceiver));
  }

  writeEpoch(epoch: bigint): void {
    this.#write('epoch', hex(epoch));
  }

  restore(port: number, before: MemportRegisters): void {
    try {
      this.#writeFields(port, before);
    } catch (error) {
      throw this.#failed(port, error);
    }
  }

  close(): void {
    this.#files.close();
    this.#lock.close();
  }

  #check(port: number): void {
    checkIndex('memport', port, this.info.nports);
  }

  #writeFields(port: number, { start, end, offset, outId, inId }: Fields): void {
    const at = `memport/memport${port}`;
    this.#files.write(`${at}/startAddress`, hex(start));
    this.#files.write(`${at}/endAddress`, hex(end));
    this.#files.write(`${at}/offset`, hex(offset));
    this.#files.write(`${at}/outId`, hex(outId));
    this.#files.write(`${at}/inId`, hex(inId));
  }

  /** Writes a memport's own number to `set` or `clear`. @returns the STATUS that it came to. */
  #command(file: 'set' | 'clear', port: number): number {
    try {
      this.#files.write(`memport/memport${port}/${file}`, String(port));
      return this.#status(port);
    } catch (error) {
      if (error instanceof SdmError) throw error;
      const errno = nodeErrno(error) ?? '';
      if (errno === 'ETIMEDOUT' || errno === 'EBUSY') return STATUS.BUSY;
      if (errno === 'EDESTADDRREQ') throw this.#noWindow(error);
      const refused = REFUSALS[errno];
      if (refused === undefined && errno !== 'EIO') throw this.#failed(port, error);
      const status = this.#status(port);
      if (status >= STATUS.RANGE) return status;
      if (refused === undefined) throw this.#failed(port, error);
      return refused;
    }
  }

  #status(port: number): number {
    return Number(this.#files.read(MEMPORT_BASE + port * MEMPORT_STRIDE + MEMPORT.STATUS));
  }

  #write(file: string, value: string): void {
    try {
      this.#files.write(file, value);
    } catch (error) {
      throw this.#files.failed(file, 'write', error);
    }
  }

  /** The driver makes a passive block's checks, and has no pool to make them against. */
  #noWindow(cause: unknown): SdmError {
    return new SdmError(
      'SDM_NO_POOL',
      `the driver sdmc does not know where the window of ${this.registers} is, so it sets no memports: ` +
        'give pool.pci and start the agent again, or write the address to ' +
        `/sys/sdmc/devices/${this.registers}/window_base`,
      { details: { device: this.registers }, cause },
    );
  }

  #failed(port: number, error: unknown): unknown {
    return this.#files.failed(`memport/memport${port}`, 'write', error);
  }
}

import {
  MEMPORT_BASE,
  MEMPORT_STRIDE,
  readMemport,
  REG,
  stagedStatus,
  writeStaging,
  writeStagingClear,
  type MemportRegisters,
} from '../../abi/codec.js';
import type { Native, RegisterBlock, RegisterBlockInfo } from '../../native/types.js';
import { SNAPSHOT_PORT_WORDS } from '../../native/types.js';
import type { Closable } from './lock.js';
import { MemportSnapshot } from './snapshot.js';
import type { LinkState, MemportFields, NumberedMemport, Pool, RegisterBackend } from './types.js';

/** How a block was mapped. */
export interface BlockSource {
  readonly native: Pick<Native, 'mapMemory'>;
  readonly path: string;
  /** What is held beside the block's own lock. */
  readonly lock?: Closable;
}

/** A backend over a block that the addon has mapped: what `file`, `bar` and `uio` share. */
export class BlockBackend implements RegisterBackend {
  readonly #block: RegisterBlock;
  readonly #source: BlockSource;
  readonly #snapshot: MemportSnapshot;
  readonly #one = new BigUint64Array(SNAPSHOT_PORT_WORDS);

  constructor(
    readonly kind: RegisterBackend['kind'],
    readonly registers: string,
    readonly pool: Pool | undefined,
    block: RegisterBlock,
    source: BlockSource,
  ) {
    this.#block = block;
    this.#source = source;
    this.#snapshot = new MemportSnapshot(block.info.nports);
  }

  get info(): RegisterBlockInfo {
    return this.#block.info;
  }

  memports(): MemportRegisters[] {
    this.#block.snapshot(this.#snapshot.words);
    return Array.from({ length: this.info.nports }, (_, port) => this.#snapshot.memport(port));
  }

  setMemports(): NumberedMemport[] {
    this.#block.snapshot(this.#snapshot.words);
    const set: NumberedMemport[] = [];
    for (let port = 0; port < this.#snapshot.nports; port++) {
      if (this.#snapshot.isSet(port)) set.push(this.#snapshot.memport(port));
    }
    return set;
  }

  memport(port: number): MemportRegisters {
    const base = MEMPORT_BASE + port * MEMPORT_STRIDE;
    for (let word = 0; word < SNAPSHOT_PORT_WORDS; word++) {
      this.#one[word] = this.#block.read(base + 8 * word);
    }
    return readMemport(this.#one, 0);
  }

  activate(port: number, fields: MemportFields, deadlineMs: number): number {
    writeStaging(this.#block.staging, 0, { port, ...fields, set: true });
    this.#block.program(1, deadlineMs);
    return stagedStatus(this.#block.staging, 0);
  }

  clear(port: number, deadlineMs: number): number {
    writeStagingClear(this.#block.staging, 0, port);
    this.#block.program(1, deadlineMs);
    return stagedStatus(this.#block.staging, 0);
  }

  linkStatus(): bigint {
    return this.#block.read(REG.LINK_STATUS);
  }

  links(): LinkState {
    return {
      status: this.linkStatus(),
      downs: Array.from({ length: this.info.ntransceivers }, (_, t) =>
        this.#block.read(REG.LINK_DOWNS + 8 * t),
      ),
    };
  }

  resetLink(transceiver: number): void {
    this.#block.resetLink(transceiver);
  }

  writeEpoch(epoch: bigint): void {
    this.#block.writeEpoch(epoch);
  }

  restore(port: number, { start, end, offset, outId, inId }: MemportRegisters): void {
    const { native, path } = this.#source;
    const at = MEMPORT_BASE + port * MEMPORT_STRIDE;
    const map = native.mapMemory({ path, length: BigInt(at + MEMPORT_STRIDE), writable: true });
    try {
      const words = BigUint64Array.of(start, end, offset, outId, inId);
      map.write(BigInt(at), new Uint8Array(words.buffer));
    } finally {
      map.close();
    }
  }

  close(): void {
    this.#block.close();
    this.#source.lock?.close();
  }
}

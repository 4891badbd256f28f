import {
  readMemport,
  REG,
  snapshotBase,
  snapshotWords,
  stagedStatus,
  writeStaging,
  writeStagingClear,
  type MemportRegisters,
} from '../../abi/codec.js';
import type { RegisterBlock, RegisterBlockInfo } from '../../native/types.js';
import type { LinkState, MemportFields, Pool, RegisterBackend } from './types.js';

/** A backend over a block that the addon has mapped: what `file` and `bar` share. */
export class BlockBackend implements RegisterBackend {
  readonly #block: RegisterBlock;
  readonly #snapshot: BigUint64Array;

  constructor(
    readonly kind: RegisterBackend['kind'],
    readonly registers: string,
    readonly pool: Pool | undefined,
    block: RegisterBlock,
  ) {
    this.#block = block;
    this.#snapshot = new BigUint64Array(snapshotWords(block.info.nports));
  }

  get info(): RegisterBlockInfo {
    return this.#block.info;
  }

  memports(): MemportRegisters[] {
    this.#block.snapshot(this.#snapshot);
    return Array.from({ length: this.info.nports }, (_, port) =>
      readMemport(this.#snapshot, snapshotBase(port)),
    );
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

  close(): void {
    this.#block.close();
  }
}

import { SdmError } from '../../common/errors.js';
import type { Native } from '../../native/types.js';
import type { Pool } from '../backend/types.js';
import type { AttachmentMode, DeviceRange, ModuleView } from '../types.js';
import type { Range } from './blocks.js';
import { subtract, type Span } from '../attachments/spans.js';
import type { MappedRange, MemoryPath, RangeUse } from './types.js';
import { zeroFile } from './zero.js';

/** A brick that is a process: the kernel has no part in it, a range is a range of the pool file. */
export class PlainMemory implements MemoryPath {
  readonly kind = 'none';
  readonly blockSize = undefined;
  readonly #native: Pick<Native, 'mapMemory'>;
  readonly #pool: Pool | undefined;

  constructor(native: Pick<Native, 'mapMemory'>, pool: Pool | undefined) {
    this.#native = native;
    this.#pool = pool;
  }

  async prepare(mode: AttachmentMode): Promise<void> {
    if (mode === 'system-ram') {
      throw new SdmError(
        'SDM_MODE',
        'mode system-ram is not possible: the registers of this brick are a file, and no kernel ' +
          'has this window; attach with mode device, or run the agent in a virtual machine',
      );
    }
    this.#path();
  }

  held(): Range[] {
    return [];
  }

  /** Nobody tells a process who maps the pool file. */
  use(): RangeUse {
    return 'none';
  }

  claim(): Promise<void> {
    return Promise.resolve();
  }

  release(): Promise<void> {
    return Promise.resolve();
  }

  add(): Promise<void> {
    return this.prepare('system-ram');
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }

  online(): Promise<void> {
    return this.prepare('system-ram');
  }

  offline(): Promise<void> {
    return Promise.resolve();
  }

  async expose(range: MappedRange): Promise<DeviceRange> {
    return { path: this.#path(), offset: range.remote, size: range.size };
  }

  conceal(): Promise<void> {
    return Promise.resolve();
  }

  async scrub(range: MappedRange, keep: readonly Span[]): Promise<void> {
    const path = this.#path();
    const whole = { start: range.remote, end: range.remote + range.size };
    for (const part of subtract(whole, keep)) await zeroFile(this.#native, path, part);
  }

  /** The pool is this machine's own memory: there is no far side to write back to. */
  flush(): Promise<void> {
    return Promise.resolve();
  }

  view(): ModuleView {
    return { state: 'none', regions: [] };
  }

  #path(): string {
    if (this.#pool?.kind === 'file') return this.#pool.path;
    throw new SdmError('SDM_NO_POOL', 'this brick has no pool: name a file as pool.path');
  }
}

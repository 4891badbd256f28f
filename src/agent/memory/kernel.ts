import { hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type { Native } from '../../native/types.js';
import { overlaps, type Span } from '../attachments/spans.js';
import type { Faults } from '../faults.js';
import {
  PLAIN_MEMORY,
  type AttachmentMode,
  type DeviceRange,
  type MemoryConfig,
  type ModuleView,
} from '../types.js';
import { readBlockSize, type Range } from './blocks.js';
import { messageOf } from './errors.js';
import { checkKmem, DaxKmem } from './kmem.js';
import { possibleNodes } from './nodes.js';
import { offlineBlocks } from './offline.js';
import { onlineBlocks } from './online.js';
import { readPageSize } from './page-size.js';
import { withPolicyOffline, type PolicyNote } from './policy.js';
import { rangeText, reach, runCommand } from './regions.js';
import type { MappedRange, MemoryPath, RangeUse } from './types.js';
import {
  isRam,
  KMEM_COMMANDS,
  useOf,
  WINDOW_DEVICE,
  WindowModule,
  type OfflineFailure,
} from './window.js';

export interface KernelMemoryOptions {
  readonly native: Pick<Native, 'writeWithDeadline'>;
  readonly sysfs: string;
  /** The local range in which remote memory appears; undefined: this brick has no pool. */
  readonly window: Range | undefined;
  readonly note: PolicyNote;
  /** How ranges become RAM; default: by sdmc_mem. */
  readonly config?: MemoryConfig | undefined;
  /** Whether the kernel lets this process write a file; default: as it says. */
  readonly mayWrite?: (path: string) => boolean;
  readonly faults?: Faults;
}

/** The way through the kernel: sdmc_mem holds the window, user space onlines the blocks. */
export class KernelMemory implements MemoryPath {
  readonly kind = 'sdmc_mem';
  readonly blockSize: bigint | undefined;
  readonly pageSize = readPageSize();
  readonly #options: KernelMemoryOptions;
  readonly #module: WindowModule;
  readonly #config: MemoryConfig;
  readonly #kmem: DaxKmem;

  constructor(options: KernelMemoryOptions) {
    this.#options = options;
    this.#module = new WindowModule(options.native, options.sysfs);
    this.#config = options.config ?? PLAIN_MEMORY;
    this.#kmem = new DaxKmem(options.native, options.sysfs, this.#module);
    this.blockSize = readBlockSize(options.sysfs);
  }

  async prepare(mode: AttachmentMode, node: number): Promise<void> {
    const window = this.#window();
    this.#checkModule();
    if (mode === 'system-ram') this.#checkRam(node);
    const held = this.#module.window();
    if (held === undefined) await this.#park(window);
    else if (held.start !== window.start || held.size !== window.size) {
      throw new SdmError('SDM_WINDOW', this.#windowDiffers(held, window));
    }
  }

  held(): Range[] {
    return this.#module.ranges();
  }

  use(range: Range): RangeUse {
    const end = range.start + range.size - 1n;
    return useOf(this.#module.regions(), { start: range.start, end });
  }

  claim(range: MappedRange): Promise<void> {
    return reach(this.#module, 'claim', range, 'absent');
  }

  release(range: MappedRange): Promise<void> {
    return reach(this.#module, 'release', range, undefined);
  }

  async add(range: MappedRange, node: number): Promise<void> {
    const { native, sysfs, note, faults } = this.#options;
    const found = this.#module.region(range);
    const added = found !== undefined && isRam(found.state);
    if (added) this.#checkJoined(range, found.node, node);
    // however it became RAM, it is: the configuration may have changed since
    if (found?.state === 'ram') return;
    const kmem = added || this.#config.way === 'kmem';
    const add = kmem ? () => this.#addByKmem(range, node) : () => this.#addByModule(range, node);
    if (kmem && this.#kmem.isBound(range)) return;
    await withPolicyOffline(native, sysfs, note, add, faults);
  }

  async remove(range: MappedRange): Promise<void> {
    if (this.#module.region(range)?.state !== 'hmem') {
      return reach(this.#module, 'remove', range, 'absent');
    }
    await this.#kmem.unbind(range, this.#blocks());
    await reach(this.#module, 'unhmem', range, 'absent');
  }

  online(range: MappedRange): Promise<void> {
    const { native, sysfs } = this.#options;
    return onlineBlocks(native, sysfs, range, this.#blocks());
  }

  async offline(range: MappedRange, timeoutMs: number): Promise<void> {
    const { native, sysfs } = this.#options;
    // blocks that lie there otherwise are of a region that someone else added
    const state = this.#module.region(range)?.state;
    if (state === undefined || !isRam(state)) return;
    await offlineBlocks(native, sysfs, range, this.#blocks(), timeoutMs, (block) =>
      this.#explain(range, block),
    );
  }

  async expose(range: MappedRange): Promise<DeviceRange> {
    await reach(this.#module, 'expose', range, 'device');
    const offset = range.start - this.#window().start;
    return { path: WINDOW_DEVICE, offset, size: range.size };
  }

  async conceal(range: MappedRange): Promise<void> {
    try {
      await reach(this.#module, 'conceal', range, 'absent');
    } catch (error) {
      const mapped = this.#module.region(range)?.mapped ?? 0;
      if (mapped === 0) throw error;
      throw new SdmError(
        'SDM_DEVICE_MAPPED',
        `${mapped} live mapping${mapped === 1 ? '' : 's'} of ${WINDOW_DEVICE} in ` +
          `${rangeText(range)}: end the programs that use it, then detach again`,
        { details: { mapped, start: hex(range.start), size: hex(range.size) }, cause: error },
      );
    }
  }

  /** The module scrubs whole regions: one that others use in part is left to the last of them. */
  async scrub(range: MappedRange, keep: readonly Span[]): Promise<void> {
    const bytes = { start: range.remote, end: range.remote + range.size };
    if (keep.some((other) => overlaps(other, bytes))) return;
    if (this.#module.region(range) === undefined) return;
    await runCommand(this.#module, 'scrub', range);
    try {
      await runCommand(this.#module, 'verify', range);
    } catch (error) {
      if ((error as SdmError).details?.['errno'] !== 'ENOTEMPTY') throw error;
      throw new SdmError('SDM_SCRUB', (error as SdmError).message, { cause: error });
    }
  }

  async flush(range: MappedRange): Promise<void> {
    if (this.#module.region(range) === undefined) return;
    await runCommand(this.#module, 'flush', range);
  }

  view(): ModuleView {
    const window = this.#module.window();
    const version = this.#module.version();
    const found = {
      ...(version === undefined ? {} : { version }),
      ...(window === undefined ? {} : { window }),
    };
    const wanted = this.#options.window;
    const regions = this.#module.regions();
    try {
      this.#checkModule();
    } catch (error) {
      const state = (error as SdmError).code === 'SDM_NO_MODULE' ? 'missing' : 'wrong';
      return { state, advice: messageOf(error), ...found, regions };
    }
    if (wanted === undefined) {
      return { state: 'no-window', advice: noPool().message, ...found, regions };
    }
    if (window !== undefined && (window.start !== wanted.start || window.size !== wanted.size)) {
      return {
        state: 'window-differs',
        advice: this.#windowDiffers(window, wanted),
        ...found,
        regions,
      };
    }
    return { state: 'ok', ...found, regions };
  }

  #addByModule(range: Range, node: number): Promise<void> {
    const memmap = this.#config.memmapOnMemory ? ' memmap' : '';
    return reach(this.#module, 'add', range, 'ram', ` ${node}${memmap}`);
  }

  /** Announced, it may be with kmem already: a driver takes by itself what it knows. */
  async #addByKmem(range: Range, node: number): Promise<void> {
    await reach(this.#module, 'hmem', range, 'hmem', ` ${node}`);
    await this.#kmem.bind(range, this.#config.memmapOnMemory, this.#blocks());
  }

  #window(): Range {
    if (this.#options.window === undefined) throw noPool();
    return this.#options.window;
  }

  #blocks(): bigint {
    if (this.blockSize !== undefined) return this.blockSize;
    throw new SdmError(
      'SDM_MODE',
      'mode system-ram is not possible: this kernel has no memory hot-plug ' +
        `(${this.#options.sysfs}/devices/system/memory is missing); boot one with ` +
        'CONFIG_MEMORY_HOTPLUG and CONFIG_MEMORY_HOTREMOVE, or attach with mode device',
    );
  }

  #checkModule(): void {
    if (!this.#module.present()) {
      throw new SdmError(
        'SDM_NO_MODULE',
        'the kernel module sdmc_mem is not inserted: run `insmod sdmc_mem.ko` (in a brick of ' +
          '`sdm rack`: `insmod /opt/sdm/sdmc_mem.ko`) and try again',
      );
    }
    const needed = this.#config.way === 'kmem' ? KMEM_COMMANDS : [];
    const mismatch = this.#module.mismatch(needed);
    if (mismatch === undefined) return;
    throw new SdmError(
      'SDM_WRONG_MODULE',
      `the kernel module sdmc_mem ${mismatch}: run \`rmmod sdmc_mem\` and insert the one that ` +
        'was built with this agent',
    );
  }

  #checkJoined(range: Range, found: number, wanted: number): void {
    if (found === wanted) return;
    throw new SdmError(
      'SDM_KERNEL_REFUSED',
      `${rangeText(range)} is RAM of node ${found} already, and node ${wanted} was asked for: ` +
        'someone else added it',
      { details: { command: 'add', start: hex(range.start), errno: null, node: found } },
    );
  }

  #checkRam(node: number): void {
    this.#blocks();
    const { sysfs, mayWrite } = this.#options;
    const possible = possibleNodes(sysfs);
    if (!possible.includes(node)) {
      throw new SdmError(
        'SDM_INPUT',
        `node ${node} is not possible on this machine, which has ${possible.join(', ')}: name one ` +
          'of these, or boot with a device tree whose distance map names more',
        { details: { node, possible } },
      );
    }
    if (this.#config.way === 'kmem') checkKmem(sysfs, mayWrite);
  }

  #windowDiffers(held: Range, wanted: Range): string {
    return (
      `sdmc_mem holds the window ${rangeText(held)}, but the registers and the pool name ` +
      `${rangeText(wanted)}: detach what uses it, then \`echo none > ` +
      '/sys/class/misc/sdm-window/window`, and try again'
    );
  }

  #park(window: Range): Promise<void> {
    return runCommand(this.#module, 'window', window);
  }

  /** What the module saw when the block failed; what failed before that, it is asked to find. */
  async #explain(range: Range, block: number): Promise<OfflineFailure | undefined> {
    const seen = this.#module.failure();
    if (seen?.block === block) return seen;
    try {
      await runCommand(this.#module, 'explain', range);
    } catch {
      return undefined; // the offline's own error is what matters
    }
    const found = this.#module.failure();
    return found?.block === block ? found : undefined;
  }
}

function noPool(): SdmError {
  return new SdmError(
    'SDM_NO_POOL',
    'this brick has no pool: its registers do not translate, and no ivshmem device as long as the ' +
      'window was found; name one as pool.pci and start the agent again',
  );
}

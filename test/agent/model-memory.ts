import { hex } from '../../src/abi/codec.js';
import { overlaps, type Span } from '../../src/agent/attachments/spans.js';
import { blocksOf, type Range } from '../../src/agent/memory/blocks.js';
import type { MappedRange, MemoryPath, RangeUse } from '../../src/agent/memory/types.js';
import type { DeviceRange, MemportView, ModuleView, RegionView } from '../../src/agent/types.js';
import { SdmError } from '../../src/common/errors.js';

type Call = 'claim' | 'release' | 'add' | 'remove' | 'online' | 'offline' | 'expose' | 'conceal';
export type FaultPoint = Call | 'scrub' | 'flush';

const MIB = 1n << 20n;

interface Region {
  readonly range: MappedRange;
  state: RegionView['state'];
  node: number;
  readonly online: Set<number>;
  mapped: number;
}

/**
 * A model of the kernel's side that holds to its rules: an exact match or nothing, RAM only out of a
 * claimed range, no removal while a block is online. Knobs make single calls fail, half done or not.
 */
export class ModelMemory implements MemoryPath {
  readonly kind = 'sdmc_mem';
  readonly regions = new Map<string, Region>();
  readonly calls: string[] = [];
  readonly scrubbed: Range[] = [];
  /** Ranges that became RAM, as often as they did. */
  readonly added: Range[] = [];
  /** Calls that fail, and how often yet. */
  readonly faults = new Map<FaultPoint, number>();
  /**
   * Remote bytes, by the MiB, that someone may have written to since they were scrubbed. A boot
   * does not change it: hand it on to the next model.
   */
  dirty = new Set<bigint>();
  /** Told of whatever reaches bytes through the window; throws where nothing answers there. */
  reaches: (range: MappedRange) => void = () => {};
  /** A block that does not go offline. */
  stuckBlock: number | undefined;
  /** Whether the module is there; it has the window once it was prepared. */
  inserted = true;
  #window = false;
  /** A call that fails does its work first, as when the answer is lost. */
  failAfter = false;

  constructor(readonly blockSize: bigint) {}

  async prepare(): Promise<void> {
    if (!this.inserted) throw new SdmError('SDM_NO_MODULE', 'the module is not inserted');
    this.#window = true;
  }

  held(): Range[] {
    return [...this.regions.values()].map((region) => region.range);
  }

  use(range: Range): RangeUse {
    const region = [...this.regions.values()].find(
      (r) => r.range.start < range.start + range.size && range.start < r.range.start + r.range.size,
    );
    if (region?.state === 'ram') return 'ram';
    if ((region?.mapped ?? 0) > 0) return 'mapped';
    return region?.state === 'device' ? 'exposed' : 'none';
  }

  region(range: Range): Region | undefined {
    return this.regions.get(`${hex(range.start)}+${hex(range.size)}`);
  }

  claim(range: MappedRange): Promise<void> {
    return this.#call('claim', () => {
      if (!this.inserted || !this.#window) throw refusal('there is no window');
      const found = this.region(range);
      if (found !== undefined) return this.#must(found, 'absent');
      const clash = this.held().some(
        (held) => held.start < range.start + range.size && range.start < held.start + held.size,
      );
      if (clash) throw refusal('overlaps a region');
      this.regions.set(`${hex(range.start)}+${hex(range.size)}`, {
        range,
        state: 'absent',
        node: -1,
        online: new Set(),
        mapped: 0,
      });
    });
  }

  release(range: MappedRange): Promise<void> {
    return this.#call('release', () => {
      const region = this.region(range);
      if (region === undefined) return;
      this.#must(region, 'absent');
      this.regions.delete(`${hex(range.start)}+${hex(range.size)}`);
    });
  }

  add(range: MappedRange, node: number): Promise<void> {
    return this.#call('add', () => {
      const region = this.#claimed(range);
      if (region.state === 'ram' && region.node === node) return;
      this.#must(region, 'absent');
      this.reaches(range);
      this.added.push(range);
      if (range.start % this.blockSize !== 0n || range.size % this.blockSize !== 0n) {
        throw refusal('not whole blocks');
      }
      region.state = 'ram';
      region.node = node;
    });
  }

  remove(range: MappedRange): Promise<void> {
    return this.#call('remove', () => {
      const region = this.region(range);
      if (region === undefined || region.state === 'absent') return;
      this.#must(region, 'ram');
      if (region.online.size > 0) throw refusal('a block is online');
      region.state = 'absent';
      region.node = -1;
    });
  }

  online(range: MappedRange): Promise<void> {
    return this.#call('online', (half) => {
      const region = this.#claimed(range);
      this.#must(region, 'ram');
      this.reaches(range);
      for (const unit of remoteUnits(range)) this.dirty.add(unit);
      const blocks = blocksOf(range, this.blockSize);
      for (const block of half ? blocks.slice(0, 1) : blocks) region.online.add(block);
    });
  }

  offline(range: MappedRange): Promise<void> {
    return this.#call('offline', () => {
      const region = this.region(range);
      // pages that are in use are copied away
      if ((region?.online.size ?? 0) > 0) this.reaches(range);
      for (const block of blocksOf(range, this.blockSize)) {
        if (block === this.stuckBlock && region?.online.has(block) === true) {
          throw new SdmError('SDM_OFFLINE_REFUSED', `memory block ${block} is pinned`, {
            details: { block, errno: 'EBUSY', reason: 'pinned' },
          });
        }
        region?.online.delete(block);
      }
    });
  }

  async expose(range: MappedRange): Promise<DeviceRange> {
    await this.#call('expose', () => {
      const region = this.#claimed(range);
      if (region.state === 'device') return;
      this.#must(region, 'absent');
      this.reaches(range);
      for (const unit of remoteUnits(range)) this.dirty.add(unit);
      region.state = 'device';
    });
    return { path: '/dev/null', offset: range.remote, size: range.size };
  }

  conceal(range: MappedRange): Promise<void> {
    return this.#call('conceal', () => {
      const region = this.region(range);
      if (region === undefined || region.state === 'absent') return;
      this.#must(region, 'device');
      if (region.mapped > 0) throw new SdmError('SDM_DEVICE_MAPPED', 'still mapped');
      region.state = 'absent';
    });
  }

  /** Whole ranges or nothing, as the module does. */
  scrub(range: MappedRange, keep: readonly Span[]): Promise<void> {
    return this.#call('scrub', () => {
      const region = this.region(range);
      const bytes = { start: range.remote, end: range.remote + range.size };
      if (region === undefined || keep.some((other) => overlaps(other, bytes))) return;
      this.#must(region, 'absent');
      this.reaches(range);
      for (const unit of remoteUnits(range)) this.dirty.delete(unit);
      this.scrubbed.push(range);
    });
  }

  flush(range: MappedRange): Promise<void> {
    return this.#call('flush', () => {
      const region = this.region(range);
      if (region === undefined) return;
      this.#must(region, 'absent');
      this.reaches(range);
    });
  }

  view(): ModuleView {
    const regions = [...this.regions.values()].map(({ range, state, node, mapped }) => ({
      start: range.start,
      end: range.start + range.size - 1n,
      state,
      node,
      mapped,
    }));
    return { state: 'ok', regions };
  }

  async #call(name: FaultPoint, act: (half: boolean) => void): Promise<void> {
    this.calls.push(name);
    await Promise.resolve();
    const left = this.faults.get(name) ?? 0;
    if (left === 0) {
      act(false);
      return;
    }
    this.faults.set(name, left - 1);
    if (this.failAfter) act(true);
    throw refusal(`${name} was told to fail`);
  }

  #claimed(range: Range): Region {
    const region = this.region(range);
    if (region === undefined) throw refusal(`no region at ${hex(range.start)}`);
    return region;
  }

  #must(region: Region, state: Region['state']): void {
    if (region.state !== state) throw refusal(`region is ${region.state}, not ${state}`);
  }
}

/** The MiBs of the pool that a range has bytes of, as `ModelMemory.dirty` names them. */
export function remoteUnits({ remote, size }: { remote: bigint; size: bigint }): bigint[] {
  const units: bigint[] = [];
  for (let unit = remote - (remote % MIB); unit < remote + size; unit += MIB) units.push(unit);
  return units;
}

function refusal(why: string): SdmError {
  return new SdmError('SDM_KERNEL_REFUSED', why);
}

/** For `reaches`: bytes answer only through a memport that is set, and leads to them. */
export function reachedThrough(
  memports: () => readonly MemportView[],
): (range: MappedRange) => void {
  return ({ start, size, remote }) => {
    const leads = memports().some(
      (port) =>
        port.set &&
        port.start <= start &&
        port.end >= start + size - 1n &&
        port.remote! + start - port.start === remote,
    );
    if (!leads) throw new Error(`nothing answers at ${start}, remote ${remote}`);
  };
}

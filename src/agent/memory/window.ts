import { join } from 'node:path';
import { hex } from '../../abi/codec.js';
import type { Native } from '../../native/types.js';
import type { RegionState, RegionView } from '../types.js';
import type { Range } from './blocks.js';
import { readNames, readText } from './sysfs.js';
import type { RangeUse } from './types.js';

/** The device of sdmc_mem through which programs map ranges. */
export const WINDOW_DEVICE = '/dev/sdm-window';
const CLASS = 'class/misc/sdm-window';
const MODULE = 'module/sdmc_mem';

/** What the module must offer; one that lacks any of it is of another version. */
export const COMMANDS = [
  ...['claim', 'release', 'add', 'remove', 'expose', 'conceal'],
  ...['flush', 'scrub', 'verify', 'explain', 'window'],
] as const;
/** What it must offer besides where ranges become RAM by the kernel's own drivers. */
export const KMEM_COMMANDS = ['hmem', 'unhmem'] as const;
export type WindowCommand = (typeof COMMANDS | typeof KMEM_COMMANDS)[number];

/** Version of the module's interface that this agent speaks; a later minor one has more than it needs. */
const MODULE_VERSION = { major: 1, minor: 1 } as const;

/** Why the last offline of a block failed, as the module saw it. */
export interface OfflineFailure {
  readonly block: number;
  readonly reason: string;
  /** The whole line: page frame, count, flags. */
  readonly line: string;
}

/** "0x… 0x…" → start and size; undefined for "none" and for what cannot be read. */
export function parseWindow(text: string | undefined): Range | undefined {
  const [start, size] = (text ?? '').split(/\s+/);
  return start === undefined || size === undefined
    ? undefined
    : { start: BigInt(start), size: BigInt(size) };
}

/** The line of `failure`; undefined for "none". */
export function parseFailure(text: string | undefined): OfflineFailure | undefined {
  const fields = new Map((text ?? '').split(/\s+/).map((f) => f.split('=') as [string, string]));
  const block = Number(fields.get('block') ?? Number.NaN);
  if (text === undefined || !Number.isInteger(block)) return undefined;
  return { block, reason: fields.get('reason') ?? 'unknown', line: text };
}

/** Blocks of it may be in use as memory. */
export function isRam(state: RegionState): boolean {
  return state === 'ram' || state === 'hmem';
}

/** What the regions that touch a range are used for. @param range `end` inclusive. */
export function useOf(
  regions: readonly RegionView[],
  range: { readonly start: bigint; readonly end: bigint },
): RangeUse {
  const touching = regions.filter(
    (region) => region.start <= range.end && region.end >= range.start,
  );
  if (touching.some((region) => isRam(region.state))) return 'ram';
  if (touching.some((region) => region.mapped > 0)) return 'mapped';
  return touching.some((region) => region.state === 'device') ? 'exposed' : 'none';
}

/** sdmc_mem's attributes. Reads are synchronous; commands run on a thread, under a deadline. */
export class WindowModule {
  readonly #native: Pick<Native, 'writeWithDeadline'>;
  readonly #root: string;
  readonly #module: string;

  constructor(native: Pick<Native, 'writeWithDeadline'>, sysfs: string) {
    this.#native = native;
    this.#root = join(sysfs, CLASS);
    this.#module = join(sysfs, MODULE);
  }

  /** True if the module is in the kernel. */
  present(): boolean {
    return this.version() !== undefined || readNames(this.#root).length > 0;
  }

  version(): string | undefined {
    return readText(join(this.#module, 'version'));
  }

  /**
   * What is wrong with the module that is there, as part of a sentence; undefined: it fits.
   * @param needed commands that it must have besides those of every attachment.
   */
  mismatch(needed: readonly WindowCommand[] = []): string | undefined {
    const version = this.version();
    const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
    const { major: ours, minor: least } = MODULE_VERSION;
    if (version !== undefined && (major !== ours || minor < least)) {
      return `is version ${version}, and this agent needs ${ours}.${least} or a later ${ours}.x`;
    }
    const names = new Set(readNames(this.#root));
    const missing = [...COMMANDS, ...needed].filter((name) => !names.has(name));
    if (missing.length === 0) return undefined;
    return `has no ${missing.map((name) => `sdm-window/${name}`).join(', ')}`;
  }

  /** False to who may not see the window: its attributes are for root. */
  readable(): boolean {
    return readText(join(this.#root, 'window')) !== undefined;
  }

  window(): Range | undefined {
    return parseWindow(readText(join(this.#root, 'window')));
  }

  /** Ranges of all regions; from names alone, so that it costs one directory read. */
  ranges(): Range[] {
    return readNames(join(this.#root, 'regions')).flatMap((name) => {
      const [start, end] = name.split('-');
      if (start === undefined || end === undefined) return [];
      return [{ start: BigInt(start), size: BigInt(end) - BigInt(start) + 1n }];
    });
  }

  /** One region by its exact range; undefined where the module has none. */
  region(range: Range): RegionView | undefined {
    const end = range.start + range.size - 1n;
    const root = this.#regionDirectory(range);
    const state = readText(join(root, 'state'));
    if (state === undefined) return undefined;
    return {
      start: range.start,
      end,
      state: state as RegionState,
      node: Number(readText(join(root, 'node')) ?? -1),
      mapped: Number(readText(join(root, 'mapped')) ?? 0),
    };
  }

  /** The device as which a region is announced to the kernel's own drivers, such as "hmem.0". */
  hmem(range: Range): string | undefined {
    const name = readText(join(this.#regionDirectory(range), 'hmem'));
    return name === undefined || name === 'none' ? undefined : name;
  }

  regions(): RegionView[] {
    return this.ranges().flatMap((range) => this.region(range) ?? []);
  }

  #regionDirectory({ start, size }: Range): string {
    return join(this.#root, 'regions', `${hex(start)}-${hex(start + size - 1n)}`);
  }

  /** The module's own sentence about a command that it refused, if that was the last one. */
  why(command: WindowCommand, text: string): string | undefined {
    const sentence = readText(join(this.#root, 'error'));
    return sentence?.startsWith(`${command} ${text}`) === true ? sentence : undefined;
  }

  failure(): OfflineFailure | undefined {
    return parseFailure(readText(join(this.#root, 'failure')));
  }

  /** @throws the addon's SDM_SYSTEM with errno, or SDM_TIMEOUT. */
  command(command: WindowCommand, text: string, timeoutMs: number): Promise<void> {
    return this.#native.writeWithDeadline(join(this.#root, command), text, timeoutMs);
  }
}

import { checkIndex, checkU64 } from '../abi/numbers.js';
import { hex, STATUS, statusName, transceiverOf, type MemportRegisters } from '../abi/codec.js';
import { SdmError } from '../common/errors.js';
import type { Journal } from './attachments/journal.js';
import type { Span } from './attachments/placement.js';
import { memportRefused, PROGRAM_MS } from './attachments/stages.js';
import type { AttachmentTable } from './attachments/table.js';
import type { RegisterBackend } from './backend/types.js';
import type { MemoryPath } from './memory/types.js';
import type {
  MemportOptions,
  MemportOwner,
  MemportSpec,
  MemportView,
  Share,
  TransceiverView,
} from './types.js';

export interface MemportsOptions {
  readonly backend: RegisterBackend;
  readonly memory: MemoryPath;
  readonly journal: Journal;
  readonly table: AttachmentTable;
  readonly shares: readonly Share[];
}

/** Memports one by one: who owns which, and those that are set by hand. */
export class Memports {
  readonly #options: MemportsOptions;

  constructor(options: MemportsOptions) {
    this.#options = options;
  }

  views(): MemportView[] {
    return this.#options.backend.memports().map((found, port) => this.#view(port, found));
  }

  /** @throws SDM_INPUT. */
  view(port: number): MemportView {
    this.#check(port);
    return this.#view(port, this.#read(port));
  }

  /** Ranges of memports that are set: what nothing new may overlap. */
  taken(): { local: Span[]; remote: Span[] } {
    const set = this.#options.backend
      .memports()
      .flatMap((port, memport) => (port.set ? [{ ...port, memport }] : []));
    return {
      local: set.map(({ start, end, memport }) => ({ start, end: end + 1n, memport })),
      remote: set.flatMap(({ start, end, remote, memport }) =>
        remote === undefined ? [] : [{ start: remote, end: remote + (end - start) + 1n, memport }],
      ),
    };
  }

  /** The lowest memport that is neither set nor an attachment's. @throws SDM_NO_MEMPORT. */
  free(): number {
    const { backend, table } = this.#options;
    const inUse = new Set(table.records().map((record) => record.memport));
    const port = backend.memports().findIndex((found, n) => !found.set && !inUse.has(n));
    if (port !== -1) return port;
    throw new SdmError(
      'SDM_NO_MEMPORT',
      `all ${backend.info.nports} memports are in use: detach something, or clear one ` +
        '(`sdm-agent memport list`)',
    );
  }

  /** @throws as AgentCore.setMemport. */
  async set(port: number, spec: MemportSpec, options: MemportOptions): Promise<MemportView> {
    const { backend, journal } = this.#options;
    this.#check(port);
    this.#checkSpec(port, spec);
    const found = this.#view(port, this.#read(port));
    if (found.set && found.owner === 'manual' && sameSpec(found, spec)) return found;
    if (options.override !== true) this.#checkOurs(port, found, spec);
    if (found.set) await this.clear(port, options);
    await journal.record({ kind: 'memport', port, held: { spec, by: 'local' } });
    const fields = {
      start: spec.start,
      end: spec.start + spec.size - 1n,
      remote: spec.remote,
      outId: spec.outId ?? 0n,
      inId: spec.inId ?? 0n,
    };
    const status = backend.activate(port, fields, PROGRAM_MS);
    if (status === STATUS.ACTIVE) return this.view(port);
    await journal.record({ kind: 'memport', port, held: null });
    throw memportRefused(port, status, this.#unaligned(status, spec));
  }

  /** @throws as AgentCore.clearMemport. */
  async clear(port: number, options: MemportOptions): Promise<MemportView> {
    const { backend, journal, table } = this.#options;
    this.#check(port);
    const found = this.#view(port, this.#read(port));
    if (found.set) {
      if (options.override !== true) checkOwner(port, found);
      this.#checkNotLive(port, found);
    }
    const status = backend.clear(port, PROGRAM_MS);
    if (status !== STATUS.INACTIVE) throw memportRefused(port, status);
    if (found.owner === 'manual') await journal.record({ kind: 'memport', port, held: null });
    const record = found.set ? table.byMemport(port) : undefined;
    if (record !== undefined) {
      record.state = 'failed';
      record.error = {
        code: 'SDM_MEMPORT_SET',
        message: `memport ${port} was cleared with override; detach ${record.id} to tidy up`,
      };
      await journal.record({ kind: 'rest', attachment: record });
    }
    return this.view(port);
  }

  transceivers(): TransceiverView[] {
    const { backend, table } = this.#options;
    const links = backend.links();
    const set = this.views().filter((port) => port.set);
    const over = (outId: bigint): number | undefined => transceiverOf(outId, backend.info);
    return links.downs.map((downs, transceiver) => ({
      transceiver,
      up: ((links.status >> BigInt(transceiver)) & 1n) === 1n,
      downs,
      memports: set.filter((port) => over(port.outId) === transceiver).map((port) => port.port),
      attachments: table
        .records()
        .filter((record) => over(record.outId) === transceiver)
        .map((record) => record.id),
    }));
  }

  #read(port: number): MemportRegisters {
    return this.#options.backend.memports()[port]!;
  }

  #owner(port: number, set: boolean): MemportOwner {
    if (this.#options.table.byMemport(port) !== undefined) return 'attachment';
    if (!set) return 'none';
    return this.#options.journal.state().memports.has(port) ? 'manual' : 'foreign';
  }

  #view(port: number, found: MemportRegisters): MemportView {
    const record = this.#options.table.byMemport(port);
    return {
      port,
      set: found.set,
      status: found.status,
      statusName: statusName(found.status),
      start: found.start,
      end: found.end,
      ...(found.remote === undefined ? {} : { remote: found.remote }),
      outId: found.outId,
      inId: found.inId,
      faults: found.faults,
      owner: this.#owner(port, found.set),
      ...(record === undefined ? {} : { attachment: record.id }),
    };
  }

  #check(port: number): void {
    checkIndex('memport', port, this.#options.backend.info.nports);
  }

  #checkSpec(port: number, spec: MemportSpec): void {
    checkU64(`start of memport ${port}`, spec.start);
    checkU64(`remote of memport ${port}`, spec.remote);
    checkU64(`outId of memport ${port}`, spec.outId ?? 0n);
    checkU64(`inId of memport ${port}`, spec.inId ?? 0n);
    if (spec.size <= 0n) {
      throw new SdmError(
        'SDM_INPUT',
        `size of memport ${port} is ${hex(spec.size)}; give 1 or more`,
      );
    }
    checkU64(`last address of memport ${port}`, spec.start + spec.size - 1n);
  }

  /** Which of what was asked for is no multiple of the granule, where the device refused for that. */
  #unaligned(status: number, spec: MemportSpec): string | undefined {
    const { granule } = this.#options.backend.info;
    const wrong = (['start', 'size', 'remote'] as const)
      .filter((key) => spec[key] % granule !== 0n)
      .map((key) => `${key} ${hex(spec[key])}`);
    if (status !== STATUS.ALIGNMENT || wrong.length === 0) return undefined;
    return `${wrong.join(' and ')} must be a multiple of the granule, ${hex(granule)}`;
  }

  /** What a set is refused for unless it overrides. */
  #checkOurs(port: number, found: MemportView, spec: MemportSpec): void {
    checkOwner(port, found);
    if (found.set) {
      throw new SdmError(
        'SDM_MEMPORT_SET',
        `memport ${port} is set to ${hex(found.start)}-${hex(found.end)}: clear it first`,
        { details: { memport: port } },
      );
    }
    const { shares } = this.#options;
    const asked = { start: spec.remote, end: spec.remote + spec.size };
    const named = `remote ${hex(asked.start)}-${hex(asked.end - 1n)}`;
    const inside = shares.some((s) => s.start <= asked.start && asked.end <= s.start + s.size);
    if (shares.length > 0 && !inside) {
      throw new SdmError(
        'SDM_NOT_OURS',
        `${named} of memport ${port} is not in the shares of this brick; override to set it anyway`,
        { details: { memport: port, remote: hex(spec.remote) } },
      );
    }
    const clash = this.taken().remote.find((s) => s.start < asked.end && asked.start < s.end);
    if (clash === undefined) return;
    throw new SdmError(
      'SDM_RANGE_TAKEN',
      `${named} of memport ${port} overlaps ${hex(clash.start)}-${hex(clash.end - 1n)}, to which ` +
        `memport ${clash.memport} leads; override to set it anyway`,
      {
        details: {
          memport: port,
          other: clash.memport,
          start: hex(clash.start),
          end: hex(clash.end - 1n),
        },
      },
    );
  }

  /** Clearing a port under memory in use takes the machine or its programs down: never. */
  #checkNotLive(port: number, found: MemportView): void {
    const use = this.#options.memory.use({
      start: found.start,
      size: found.end - found.start + 1n,
    });
    if (use === 'none') return;
    const what = use === 'ram' ? 'is system RAM' : 'is mapped by programs';
    const first =
      use === 'ram'
        ? 'take its memory blocks offline and remove the range first (docs/attachments.md)'
        : 'end these programs first';
    const how = found.attachment === undefined ? first : `detach ${found.attachment}`;
    throw new SdmError(
      'SDM_MEMPORT_LIVE',
      `memport ${port} leads to ${hex(found.start)}-${hex(found.end)}, which ${what}: ${how}`,
      { details: { memport: port, use } },
    );
  }
}

function checkOwner(port: number, found: MemportView): void {
  if (found.owner === 'attachment') {
    throw new SdmError(
      'SDM_MEMPORT_OWNED',
      `memport ${port} belongs to attachment ${found.attachment}: detach that, or override`,
      { details: { memport: port, attachment: found.attachment } },
    );
  }
  if (found.owner === 'foreign') {
    throw new SdmError(
      'SDM_MEMPORT_FOREIGN',
      `memport ${port} was set to ${hex(found.start)}-${hex(found.end)} by someone this agent does ` +
        'not know; override once you know that nobody uses it',
      { details: { memport: port } },
    );
  }
}

function sameSpec(found: MemportView, spec: MemportSpec): boolean {
  return (
    found.start === spec.start &&
    found.end === spec.start + spec.size - 1n &&
    found.remote === spec.remote &&
    found.outId === (spec.outId ?? 0n) &&
    found.inId === (spec.inId ?? 0n)
  );
}

import { checkU64 } from '../abi/numbers.js';
import { hex, STATUS } from '../abi/codec.js';
import { SdmError } from '../common/errors.js';
import type { HeldMemport, Journal } from './attachments/journal.js';
import type { Machine } from './attachments/machine.js';
import { spanText, overlaps, within, type Span } from './attachments/spans.js';
import { memportRefused, PROGRAM_MS, type StageContext } from './attachments/stages.js';
import type { AttachmentTable } from './attachments/table.js';
import type { Observer } from './events.js';
import type { Faults } from './faults.js';
import { expectedStatus } from './memport-check.js';
import { ownedElsewhere } from './memport-errors.js';
import type { RangeUse } from './memory/index.js';
import { isSpec, type Memports } from './memports.js';
import { checkOwner, isControllers, mayCommand } from './owners.js';
import type { Caller, Checks, MemportOptions, MemportSpec, MemportView, Share } from './types.js';

export interface ManualOptions {
  readonly memports: Memports;
  readonly machine: Machine;
  readonly journal: Journal;
  readonly table: AttachmentTable;
  readonly observer: Observer;
  readonly faults: Faults;
  readonly shares: readonly Share[];
  readonly checks: Checks;
}

/**
 * Memports set by hand. What is set is in the journal before, and kept for its owner while that is
 * written; one that is refused or cleared is kept until the journal has that.
 */
export class ManualMemports {
  readonly #options: ManualOptions;

  constructor(options: ManualOptions) {
    this.#options = options;
  }

  /** @throws as AgentCore.setMemport. */
  async set(
    context: StageContext,
    port: number,
    spec: MemportSpec,
    options: MemportOptions,
    caller: Caller,
  ): Promise<MemportView> {
    const { memports } = this.#options;
    memports.check(port);
    checkSpec(port, spec);
    const found = memports.view(port);
    const held = memports.held.get(port);
    const override = options.override === true;
    if (found.set && held !== undefined && isSpec(found, spec) && mayCommand(held.by, caller)) {
      if (held.by !== caller.owner) await this.#keep(context, port, { spec, by: caller.owner });
      return memports.view(port);
    }
    if (!override) this.#checkOurs(port, found, held, spec, caller);
    this.#checkReserved(context, port, spec);
    if (found.set) {
      this.#checkNotLive(context, found);
      this.#checkSettable(context, port, spec);
      await this.clear(context, port, options, caller);
    }
    await this.#keep(context, port, { spec, by: caller.owner });
    await this.#options.faults.at('memport.journalled');
    await this.#activate(context, port, spec);
    this.#tell(port, true, caller.owner);
    return memports.view(port);
  }

  /** @throws as AgentCore.clearMemport. */
  async clear(
    context: StageContext,
    port: number,
    options: MemportOptions,
    caller: Caller,
  ): Promise<MemportView> {
    const { memports, table, machine, faults } = this.#options;
    memports.check(port);
    const found = memports.view(port);
    const held = memports.held.get(port);
    if (options.override !== true) {
      if (held !== undefined) checkOwner(`memport ${port}`, held.by, caller, { memport: port });
      else if (found.set) throw ownedElsewhere(found);
    }
    if (found.set) this.#checkNotLive(context, found);
    const status = context.backend.clear(port, PROGRAM_MS);
    if (status !== STATUS.INACTIVE) throw memportRefused(port, status);
    await faults.at('memport.cleared');
    if (held !== undefined) await this.#drop(context, port);
    const record = found.set ? table.byMemport(port) : undefined;
    if (record !== undefined) {
      const message = `memport ${port} was cleared with override; detach ${record.id} to tidy up`;
      const why = new SdmError('SDM_MEMPORT_SET', message);
      await machine.markFailed(context, record, why);
    }
    if (found.set) this.#tell(port, false, caller.owner);
    return memports.view(port);
  }

  /**
   * Sets once more what was set before the last boot. A refusal leaves it waiting.
   * @throws SDM_MEMPORT_FOREIGN, SDM_MEMPORT_REFUSED, SDM_JOURNAL.
   */
  async restore(context: StageContext, port: number): Promise<void> {
    const { memports } = this.#options;
    const held = memports.held.get(port);
    if (held?.waits === undefined) return;
    const { spec, by } = held;
    const found = memports.view(port);
    if (!found.set || !isSpec(found, spec)) this.#program(context, port, spec);
    await this.#keep(context, port, { spec, by });
    this.#tell(port, true, by);
  }

  /** @throws SDM_JOURNAL: it is as before. */
  async #keep({ turn }: StageContext, port: number, held: HeldMemport): Promise<void> {
    const { memports, journal } = this.#options;
    const before = memports.held.get(port);
    memports.held.set(port, held);
    try {
      await turn.away(journal.record({ kind: 'memport', port, held }));
    } catch (error) {
      if (before === undefined) memports.held.delete(port);
      else memports.held.set(port, before);
      throw error;
    }
  }

  /** @throws SDM_JOURNAL: it stays kept, and a clear tries again. */
  async #drop({ turn }: StageContext, port: number): Promise<void> {
    const { memports, journal } = this.#options;
    await turn.away(journal.record({ kind: 'memport', port, held: null }));
    memports.held.delete(port);
  }

  async #activate(context: StageContext, port: number, spec: MemportSpec): Promise<void> {
    try {
      this.#program(context, port, spec);
    } catch (error) {
      await this.#drop(context, port);
      throw error;
    }
    await this.#options.faults.at('memport.set');
  }

  #program({ backend }: StageContext, port: number, spec: MemportSpec): void {
    const found = this.#options.memports.view(port);
    if (found.set) throw ownedElsewhere({ ...found, owner: 'foreign' });
    const fields = {
      start: spec.start,
      end: spec.start + spec.size - 1n,
      remote: spec.remote,
      outId: spec.outId ?? 0n,
      inId: spec.inId ?? 0n,
    };
    const status = backend.activate(port, fields, PROGRAM_MS);
    if (status === STATUS.ACTIVE) return;
    throw memportRefused(port, status, unaligned(status, spec, backend.info.granule));
  }

  #tell(port: number, set: boolean, by: string): void {
    this.#options.observer.event({ kind: 'memport', port, set, by });
  }

  /** What a set is refused for unless it overrides. */
  #checkOurs(
    port: number,
    found: MemportView,
    held: HeldMemport | undefined,
    spec: MemportSpec,
    caller: Caller,
  ): void {
    const { shares, checks, memports } = this.#options;
    if (held !== undefined) checkOwner(`memport ${port}`, held.by, caller, { memport: port });
    if (found.set || found.owner === 'attachment') throw ownedElsewhere(found);
    const asked: Span = { start: spec.remote, end: spec.remote + spec.size };
    const named = `remote ${spanText(asked)} of memport ${port}`;
    const controller = isControllers(caller.owner);
    const inside = shares.some(({ start, size }) => within(asked, { start, end: start + size }));
    if (shares.length > 0 && !inside && !controller) {
      throw new SdmError(
        'SDM_NOT_OURS',
        `${named} is not in the shares of this brick; override to set it anyway`,
        { details: { memport: port, remote: hex(spec.remote) } },
      );
    }
    const off = checks.remoteOverlap === false;
    const clash = memports
      .taken()
      .remote.filter((span) => !off || (span.controller === true && !controller))
      .find((span) => span.memport !== port && overlaps(span, asked));
    if (clash === undefined) return;
    throw new SdmError(
      'SDM_RANGE_TAKEN',
      `${named} overlaps ${spanText(clash)}, to which memport ${clash.memport} leads; override to ` +
        'set it anyway',
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

  /** The device knows what is set; what is about to be, or waits to be, only we know. */
  #checkReserved({ backend }: StageContext, port: number, spec: MemportSpec): void {
    const set = backend.setMemports();
    const isSet = new Set(set.map((other) => other.port));
    const asked: Span = { start: spec.start, end: spec.start + spec.size };
    const clash = this.#options.memports
      .taken(set)
      .local.find(
        (span) => span.memport !== port && !isSet.has(span.memport ?? -1) && overlaps(span, asked),
      );
    if (clash === undefined) return;
    const why = `${spanText(clash)} is reserved for memport ${clash.memport}`;
    throw memportRefused(port, STATUS.OVERLAP, why);
  }

  /** What is set stays so where the device would refuse what is to come after it. */
  #checkSettable({ backend }: StageContext, port: number, spec: MemportSpec): void {
    const { passive, granule } = backend.info;
    const aligned = !passive || this.#options.checks.alignment !== false;
    const status = expectedStatus(backend, port, spec, aligned);
    if (status === STATUS.ACTIVE) return;
    throw memportRefused(port, status, aligned ? unaligned(status, spec, granule) : undefined);
  }

  /** Clearing a port under memory in use takes the machine or its programs down: never. */
  #checkNotLive({ memory }: StageContext, found: MemportView): void {
    const { port, start, end } = found;
    const use = memory.use({ start, size: end - start + 1n });
    if (use === 'none') return;
    const [what, first] = LIVE[use];
    const how = found.attachment === undefined ? first : `detach ${found.attachment}`;
    throw new SdmError(
      'SDM_MEMPORT_LIVE',
      `memport ${port} leads to ${hex(start)}-${hex(end)}, which ${what}: ${how}`,
      { details: { memport: port, use } },
    );
  }
}

/** Why a memport is not cleared under a range, and what to do first about one that nobody knows. */
const LIVE: Readonly<Record<Exclude<RangeUse, 'none'>, readonly [what: string, first: string]>> = {
  ram: [
    'is system RAM',
    'take its memory blocks offline and remove the range first (docs/attachments.md)',
  ],
  mapped: ['is mapped by programs', 'end these programs first'],
  exposed: ['programs may map', 'conceal the range first (docs/journal.md)'],
};

/** @throws SDM_INPUT for what no memport can map. */
function checkSpec(port: number, spec: MemportSpec): void {
  checkU64(`start of memport ${port}`, spec.start);
  checkU64(`remote of memport ${port}`, spec.remote);
  checkU64(`outId of memport ${port}`, spec.outId ?? 0n);
  checkU64(`inId of memport ${port}`, spec.inId ?? 0n);
  if (spec.size <= 0n) {
    throw new SdmError('SDM_INPUT', `size of memport ${port} is ${hex(spec.size)}; give 1 or more`);
  }
  checkU64(`last address of memport ${port}`, spec.start + spec.size - 1n);
}

/** Which of what was asked for is no multiple of the granule, where the device refused for that. */
function unaligned(status: number, spec: MemportSpec, granule: bigint): string | undefined {
  const wrong = (['start', 'size', 'remote'] as const)
    .filter((key) => spec[key] % granule !== 0n)
    .map((key) => `${key} ${hex(spec[key])}`);
  if (status !== STATUS.ALIGNMENT || wrong.length === 0) return undefined;
  return `${wrong.join(' and ')} must be a multiple of the granule, ${hex(granule)}`;
}

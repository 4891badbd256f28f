import { checkIndex } from '../abi/numbers.js';
import { isLinkUp, type MemportRegisters, statusName, transceiverOf } from '../abi/codec.js';
import type { HeldMemport, Journal } from './attachments/journal.js';
import { insert, type Span } from './attachments/spans.js';
import { isOurs } from './attachments/stages.js';
import type { AttachmentTable } from './attachments/table.js';
import type { NumberedMemport, RegisterBackend } from './backend/types.js';
import { noMemport, ownedElsewhere } from './memport-errors.js';
import { isControllers } from './owners.js';
import type { MemportOwner, MemportSpec, MemportView, TransceiverView } from './types.js';

export interface MemportsOptions {
  readonly backend: RegisterBackend;
  readonly journal: Journal;
  readonly table: AttachmentTable;
}

/** Ranges in use: what nothing new may overlap. */
export interface Taken {
  readonly local: Span[];
  readonly remote: Span[];
}

/** True if the registers hold exactly that. */
export function isSpec(
  found: Pick<MemportView, 'start' | 'end' | 'remote' | 'outId' | 'inId'> | MemportRegisters,
  spec: MemportSpec,
): boolean {
  return (
    found.start === spec.start &&
    found.end === spec.start + spec.size - 1n &&
    found.remote === spec.remote &&
    found.outId === (spec.outId ?? 0n) &&
    found.inId === (spec.inId ?? 0n)
  );
}

/** Memports one by one: who owns which, and what they take. */
export class Memports {
  /** Those set by hand, and those that are about to be, or wait since a boot. */
  readonly held = new Map<number, HeldMemport>();
  readonly #options: MemportsOptions;

  constructor(options: MemportsOptions) {
    this.#options = options;
    for (const [port, held] of options.journal.state().memports) this.held.set(port, held);
  }

  views(): MemportView[] {
    return this.#options.backend.memports().map((found, port) => this.#view(port, found));
  }

  /** @throws SDM_INPUT. */
  view(port: number): MemportView {
    this.check(port);
    return this.#view(port, this.#options.backend.memport(port));
  }

  /** @throws SDM_INPUT for a port that there is not. */
  check(port: number): void {
    checkIndex('memport', port, this.#options.backend.info.nports);
  }

  /** Set, and known to nobody here. */
  foreign(set: readonly NumberedMemport[] = this.#options.backend.setMemports()): number[] {
    return set.map(({ port }) => port).filter((port) => this.#owner(port, true) === 'foreign');
  }

  /**
   * Ranges of memports that are set or held and of attachments, also where their memport is clear;
   * in order.
   */
  taken(set: readonly NumberedMemport[] = this.#options.backend.setMemports()): Taken {
    const { table } = this.#options;
    const taken: Taken = { local: [...table.local], remote: [...table.remote] };
    const add = (
      memport: number,
      size: bigint,
      start: bigint,
      remote?: bigint,
      controller = false,
    ): void => {
      insert(taken.local, { start, end: start + size, memport });
      if (remote !== undefined) {
        insert(taken.remote, { start: remote, end: remote + size, memport, controller });
      }
    };
    for (const [port, { spec, by }] of this.held) {
      add(port, spec.size, spec.start, spec.remote, isControllers(by));
    }
    for (const found of set) {
      const record = table.byMemport(found.port);
      if (record !== undefined && isOurs(found, record)) continue;
      const held = this.held.get(found.port);
      if (held !== undefined && isSpec(found, held.spec)) continue;
      add(found.port, found.end - found.start + 1n, found.start, found.remote);
    }
    return taken;
  }

  /**
   * The memport for a new attachment: neither set, nor an attachment's, nor held.
   * @param wanted the one to take; default: the lowest.
   * @throws SDM_NO_MEMPORT; SDM_INPUT, SDM_MEMPORT_OWNED, SDM_MEMPORT_FOREIGN, SDM_MEMPORT_SET for
   * one that is wanted.
   */
  free(
    wanted?: number,
    set: readonly NumberedMemport[] = this.#options.backend.setMemports(),
  ): number {
    const { backend, table } = this.#options;
    const isFree = (port: number): boolean =>
      !this.held.has(port) && table.byMemport(port) === undefined;
    if (wanted !== undefined) {
      this.check(wanted);
      if (isFree(wanted) && !set.some(({ port }) => port === wanted)) return wanted;
      throw ownedElsewhere(this.view(wanted));
    }
    // they come in order
    for (let port = 0, next = 0; port < backend.info.nports; port++) {
      if (set[next]?.port === port) next++;
      else if (isFree(port)) return port;
    }
    throw noMemport(backend.info.nports);
  }

  transceivers(): TransceiverView[] {
    const { backend, table } = this.#options;
    const links = backend.links();
    const set = backend.setMemports();
    const over = (outId: bigint): number | undefined => transceiverOf(outId, backend.info);
    return links.downs.map((downs, transceiver) => ({
      transceiver,
      up: isLinkUp(links.status, transceiver),
      downs,
      memports: set.filter((port) => over(port.outId) === transceiver).map((port) => port.port),
      attachments: table
        .records()
        .filter((record) => over(record.outId) === transceiver)
        .map((record) => record.id),
    }));
  }

  #owner(port: number, set: boolean): MemportOwner {
    if (this.#options.table.byMemport(port) !== undefined) return 'attachment';
    if (this.held.has(port)) return 'manual';
    return set ? 'foreign' : 'none';
  }

  #view(port: number, found: MemportRegisters): MemportView {
    const record = this.#options.table.byMemport(port);
    const by = record?.owner ?? this.held.get(port)?.by;
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
      ...(by === undefined ? {} : { by }),
      ...(record === undefined ? {} : { attachment: record.id }),
    };
  }
}

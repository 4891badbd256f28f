import { SdmError } from '../common/errors.js';
import { isD44Id } from './attachment-id.js';
import { isControllers } from './owners.js';
import type { Caller } from './types.js';

/** How many ids are kept; the oldest go. With their names less than 2 MB. */
const TOMBSTONES_MAX = 8192;

/**
 * Ids that controllers have deleted, found or not. A controller never uses an id again, so a request
 * that brings one back was sent before and arrives late: its sender gave it up, was told that nothing
 * is there, and has given the bytes to somebody else. It is refused. People may use theirs again.
 *
 * In memory only: a late request came over a connection of this process, waits in its queue, or has
 * not been read yet, and ends with the process. It would take something between that keeps whole
 * requests and delivers them over new connections to bring one to the next process.
 */
export class Tombstones {
  readonly #max: number;
  readonly #ids = new Set<string>();

  constructor(max = TOMBSTONES_MAX) {
    this.#max = max;
  }

  /**
   * To be called with the id to oneself, when nothing is there of it and before that is said. A higher
   * epoch of the controller changes nothing about it.
   */
  add(id: string, caller: Caller): void {
    // those of D4.4's commands are made of addresses, so they come again
    if (!isControllers(caller.owner) || isD44Id(id)) return;
    const key = keyOf(id, caller);
    this.#ids.delete(key);
    this.#ids.add(key);
    const [oldest] = this.#ids;
    if (this.#ids.size > this.#max && oldest !== undefined) this.#ids.delete(oldest);
  }

  /**
   * To be called with the id to oneself, before something new gets it.
   * @param kind such as "attachment".
   * @throws SDM_GONE.
   */
  check(kind: string, id: string, caller: Caller): void {
    if (!this.#ids.has(keyOf(id, caller))) return;
    throw new SdmError(
      'SDM_GONE',
      `${kind} ${id} is refused: ${caller.owner} has deleted it, and what comes after that is taken ` +
        "for a request that was delayed, since its bytes may be somebody else's by now: choose an id " +
        'that was not used before',
      { details: { [kind]: id, controller: caller.owner } },
    );
  }
}

/** Neither names nor ids have a space. */
const keyOf = (id: string, { owner }: Caller): string => `${owner} ${id}`;

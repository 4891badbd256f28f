import { isLinkUp } from '../../abi/codec.js';
import type { LinkState } from '../backend/types.js';
import type { Observer } from '../events.js';
import { messageOf } from '../memory/errors.js';
import type { AgentCore, Log } from '../types.js';

/** How often a look is repeated until two in a row agree: the other side may be writing just then. */
const LOOKS = 4;
/** LINK_DOWNS wraps at 64 bits. */
const MASK = (1n << 64n) - 1n;

/** What the monitor asks of the agent. */
export interface WatchedAgent extends Pick<AgentCore, 'links' | 'transceivers'> {
  /** A link changed: what waited for it may go on. */
  linkChanged(transceiver: number, up: boolean): Promise<void>;
}

/**
 * Looks at the links from time to time and tells what changed since the look before. A link that
 * went down and came up in between is told by its counter, as one event with `up` and more `downs`.
 */
export class LinkMonitor {
  readonly #agent: WatchedAgent;
  readonly #observer: Observer;
  readonly #log: Log;
  #known: LinkState | undefined;
  /** Links that were seen down before the fall was counted: the other side does one after the other. */
  readonly #uncounted = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #blind = false;

  /** Takes the first look: what changes from now on is told, once it is started. */
  constructor(agent: WatchedAgent, observer: Observer, log: Log) {
    this.#agent = agent;
    this.#observer = observer;
    this.#log = log;
    this.#known = this.#read();
  }

  /**
   * The agent hears of every link that is up: one may have come up after the agent had found it down,
   * and before the first look.
   * @param everyMs between two looks. Does not keep the process alive.
   */
  start(everyMs: number): void {
    this.look();
    for (const transceiver of this.#known?.downs.keys() ?? []) {
      if (isUp(this.#known, transceiver)) this.#changed(transceiver, true);
    }
    this.#timer ??= setInterval(() => this.look(), everyMs).unref();
  }

  /** Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Compares with the last look. Never throws. */
  look(): void {
    const found = this.#read();
    if (found === undefined) return;
    const before = this.#known;
    this.#known = found;
    if (before === undefined) return;
    found.downs.forEach((downs, transceiver) => {
      try {
        this.#compare(transceiver, before, found, downs);
      } catch (error) {
        this.#log.error({ err: error, transceiver }, 'a change of a link could not be told');
      }
    });
  }

  #compare(transceiver: number, before: LinkState, found: LinkState, downs: bigint): void {
    const up = isUp(found, transceiver);
    const changed = up !== isUp(before, transceiver);
    let fell = (downs - (before.downs[transceiver] ?? 0n)) & MASK;
    if (changed) {
      this.#uncounted.delete(transceiver);
      if (!up && fell === 0n) this.#uncounted.add(transceiver);
    } else if (fell > 0n && this.#uncounted.delete(transceiver)) {
      fell -= 1n;
    }
    if (changed || fell > 0n) this.#tell(transceiver, up, downs, changed);
  }

  #tell(transceiver: number, up: boolean, downs: bigint, changed: boolean): void {
    const attachments = this.#agent.transceivers()[transceiver]?.attachments ?? [];
    const fields = { transceiver, downs, attachments };
    if (!up && changed) this.#log.warn(fields, `link ${transceiver} is down`);
    else if (changed) this.#log.info(fields, `link ${transceiver} is up`);
    else this.#log.warn(fields, `link ${transceiver} went down and is ${up ? 'up' : 'down'} again`);
    this.#observer.event({ kind: 'link', transceiver, up, downs, attachments });
    this.#changed(transceiver, up);
  }

  /** The agent's own work on it may take a while and fail; neither is the monitor's. */
  #changed(transceiver: number, up: boolean): void {
    const log = (error: unknown): void =>
      this.#log.error({ err: error, transceiver }, 'the agent could not act on a change of a link');
    Promise.resolve()
      .then(() => this.#agent.linkChanged(transceiver, up))
      .catch(log);
  }

  /** Two looks that agree are of one moment; a block that never settles is taken as it is. */
  #read(): LinkState | undefined {
    try {
      let found = this.#agent.links();
      this.#blind = false;
      if (this.#known !== undefined && same(found, this.#known)) return found;
      for (let look = 1; look < LOOKS; look += 1) {
        const again = this.#agent.links();
        const settled = same(found, again);
        found = again;
        if (settled) break;
      }
      return found;
    } catch (error) {
      if (!this.#blind) {
        this.#log.error({ err: error }, `the links cannot be read: ${messageOf(error)}`);
      }
      this.#blind = true;
      return undefined;
    }
  }
}

function isUp(links: LinkState | undefined, transceiver: number): boolean {
  return isLinkUp(links?.status ?? 0n, transceiver);
}

function same(a: LinkState, b: LinkState): boolean {
  return a.status === b.status && a.downs.every((downs, i) => downs === b.downs[i]);
}

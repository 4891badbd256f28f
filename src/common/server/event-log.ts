import { toJson } from '../json.js';

/** How many events are kept at least, for those who come back. */
const KEPT = 4096;

/** What an id looks like: the run of the daemon, then the number of the event in it. */
export const EVENT_ID_PATTERN = '^[0-9a-f]{8}-[0-9]{1,15}$';

/** What happened; each daemon has its own kinds. */
export interface EventBody {
  readonly kind: string;
}

export interface LoggedEvent {
  /** "<run>-<seq>". */
  readonly id: string;
  readonly kind: string;
  /** One line of JSON: `event` (the id), `time` (ISO 8601), `kind`, and what the kind has. */
  readonly data: string;
}

/** Why somebody who comes back must read the state again. */
export type Gap =
  /** The id is of another run of the daemon. */
  | 'restarted'
  /** Events after the id are not kept any more. */
  | 'dropped';

/** Where to go on. */
export interface Position {
  /** Number of the next event to read, one that exists or the next one to come. */
  readonly next: number;
  readonly gap: Gap | undefined;
}

interface Entry {
  readonly time: number;
  readonly body: EventBody;
  event: LoggedEvent | undefined;
}

/** Of the nanosecond in which it begins: random enough, without the time that node:crypto takes. */
function nameOfRun(): string {
  return (process.hrtime.bigint() & 0xffff_ffffn).toString(16).padStart(8, '0');
}

/** A log as those see it who read: whatever kinds of events it holds. */
export type EventSource = Omit<EventLog<never>, 'append'>;

/** The last events of this run of the daemon, and who waits for the next. */
export class EventLog<B extends EventBody = EventBody> {
  /** Differs from run to run, so that an id of an earlier one is known as such. */
  readonly run = nameOfRun();
  readonly #entries: Entry[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #keep: number;
  /** Number of the oldest that is kept. */
  #first = 1;
  #telling = false;

  /** @param keep how many events are kept at least. */
  constructor(keep = KEPT) {
    this.#keep = keep;
  }

  /** Number of the oldest event that is kept; `next` where none is. */
  get first(): number {
    return this.#first;
  }

  /** Number that the next event will have. */
  get next(): number {
    return this.#first + this.#entries.length;
  }

  /** Never throws; listeners are told later, and once for all events of this turn. */
  append(body: B): void {
    this.#entries.push({ time: Date.now(), body, event: undefined });
    // dropped in bulk: shifting a long array at every event would cost more than keeping a few
    if (this.#entries.length > this.#keep * 1.25) this.#drop();
    if (this.#telling || this.#listeners.size === 0) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      for (const listener of this.#listeners) listener();
    });
  }

  /** The event of that number; undefined where it is not kept, or not there yet. */
  at(seq: number): LoggedEvent | undefined {
    const entry = this.#entries[seq - this.#first];
    if (entry === undefined) return undefined;
    return (entry.event ??= this.#write(seq, entry));
  }

  /** Where one goes on who has seen `id`, or nothing yet. A gap is followed by all that is kept. */
  after(id: string | undefined): Position {
    if (id === undefined) return { next: this.first, gap: undefined };
    const [run, number] = id.split('-');
    const next = Number(number) + 1;
    // a number that was never given can only be of another run with the same name
    if (run !== this.run || !(next <= this.next)) return { next: this.first, gap: 'restarted' };
    return next < this.first ? { next: this.first, gap: 'dropped' } : { next, gap: undefined };
  }

  /** The id that stands before the event of that number: who has seen it goes on there. */
  idBefore(seq: number): string {
    return `${this.run}-${seq - 1}`;
  }

  /** @returns ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #drop(): void {
    const count = this.#entries.length - this.#keep;
    this.#entries.splice(0, count);
    this.#first += count;
  }

  /** Made when somebody reads it: most events are of interest to nobody. */
  #write(seq: number, { time, body }: Entry): LoggedEvent {
    const id = `${this.run}-${seq}`;
    const head = { event: id, time: new Date(time).toISOString() };
    return { id, kind: body.kind, data: JSON.stringify({ ...head, ...(toJson(body) as object) }) };
  }
}

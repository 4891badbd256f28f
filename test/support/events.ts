import type { Event } from '../../src/agent/api/event-schema.js';
import { stream } from '../../src/common/http.js';
import { readEvents } from '../../src/common/sse.js';

/** Follows what an agent tells. The test's own timeout is the deadline of every wait. */
export class EventReader {
  readonly #events: ReturnType<typeof readEvents>;

  /** @param after id of an event; default: from the oldest that is kept. */
  constructor(socketPath: string, after?: string) {
    const query = after === undefined ? '' : `?after=${after}`;
    this.#events = readEvents(stream({ socketPath, path: `/v1/events${query}` }));
  }

  /** The next event, of that kind if one is named. @throws where the stream ends before. */
  async next<K extends Event['kind']>(kind?: K): Promise<Extract<Event, { kind: K }>> {
    for (;;) {
      const { value, done } = await this.#events.next();
      if (done === true) throw new Error(`the stream ended before an event ${kind ?? ''} came`);
      const event = JSON.parse(value.data) as Event;
      if (kind === undefined || event.kind === kind) return event as Extract<Event, { kind: K }>;
    }
  }

  /** Waits for the agent to end it. */
  async end(): Promise<void> {
    for await (const _ of this.#events);
  }

  async close(): Promise<void> {
    await this.#events.return(undefined);
  }
}

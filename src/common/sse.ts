/** One event of a stream of Server-Sent Events. */
export interface ServerSentEvent {
  /** The last one that was given; empty: none yet. */
  readonly id: string;
  /** Its kind; "message" where the stream names none. */
  readonly event: string;
  readonly data: string;
}

/** No line of ours is anywhere near; a longer one is a defect of the other side. */
const MAX_PENDING = 16 * 1024 * 1024;

/**
 * Reads events out of the text of a stream, however it is cut into pieces. Comments and fields that
 * nobody here needs are skipped; what the end of the stream cuts off is dropped, as the format says.
 * @throws Error for a stream that goes on without ever ending an event.
 */
export async function* readEvents(text: AsyncIterable<string>): AsyncGenerator<ServerSentEvent> {
  let rest = '';
  let id = '';
  let fields = { event: '', data: [] as string[], length: 0 };
  for await (const piece of text) {
    // a "\r" at the end may be half of "\r\n": it waits for what follows
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        const { event, data } = fields;
        fields = { event: '', data: [], length: 0 };
        if (data.length > 0) yield { id, event: event || 'message', data: data.join('\n') };
        continue;
      }
      fields.length += line.length;
      const colon = line.indexOf(':');
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (name === 'id' && !value.includes('\0')) id = value;
      else if (name === 'event') fields.event = value;
      else if (name === 'data') fields.data.push(value);
    }
    if (rest.length + fields.length > MAX_PENDING) {
      throw new Error(`an event is longer than ${MAX_PENDING} characters`);
    }
  }
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEvents, type ServerSentEvent } from '../../src/common/sse.js';

async function* pieces(...texts: readonly string[]): AsyncGenerator<string> {
  yield* texts;
}

async function read(...texts: readonly string[]): Promise<ServerSentEvent[]> {
  const events = [];
  for await (const event of readEvents(pieces(...texts))) events.push(event);
  return events;
}

describe('what is no event', () => {
  it.each([
    ['nothing', ''],
    ['comments', ':\n\n: a\n\n'],
    ['fields with no data', 'id: 1\nevent: x\n\nretry: 10\n\n'],
    ['an event that is cut off', 'data: half\n'],
    ['a field that nobody knows', 'foo: bar\n\n'],
  ])('%s', async (_name, text) => {
    expect(await read(text)).toEqual([]);
  });

  it('a stream that never ends one is given up', async () => {
    const half = 'x'.repeat(9 << 20);
    await expect(read('data: ', half, half)).rejects.toThrow(/longer than/);
    await expect(read(`data: ${half}\n`, `data: ${half}\n`)).rejects.toThrow(/longer than/);
  });
});

describe('an event', () => {
  it.each([
    ['id: 1\nevent: a\ndata: x\n\n', { id: '1', event: 'a', data: 'x' }],
    ['data:x\n\n', { id: '', event: 'message', data: 'x' }],
    ['data:  x\n\n', { id: '', event: 'message', data: ' x' }],
    ['data: a\ndata: b\n\n', { id: '', event: 'message', data: 'a\nb' }],
    ['data\n\n', { id: '', event: 'message', data: '' }],
    ['id: a\0b\ndata: x\n\n', { id: '', event: 'message', data: 'x' }],
    ['data: a: b\n\n', { id: '', event: 'message', data: 'a: b' }],
  ])('%j', async (text, event) => {
    expect(await read(text)).toEqual([event]);
  });

  it('has the id of the one before where it has none', async () => {
    expect(await read('id: 1\ndata: a\n\nevent: x\ndata: b\n\n')).toEqual([
      { id: '1', event: 'message', data: 'a' },
      { id: '1', event: 'x', data: 'b' },
    ]);
  });

  it('is the same wherever the stream is cut, and however its lines end', async () => {
    const event = fc.record({
      id: fc.integer({ min: 0, max: 99 }).map(String),
      event: fc.constantFrom('link', 'gap'),
      data: fc.jsonValue().map((value) => JSON.stringify(value)),
    });
    const end = fc.constantFrom('\n', '\r\n', '\r');
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 5 }),
        end,
        fc.array(fc.nat(), { maxLength: 8 }),
        async (events, newline, cuts) => {
          const text = events
            .map((e) => `: c\nid: ${e.id}\nevent: ${e.event}\ndata: ${e.data}\n\n`)
            .join('')
            .replaceAll('\n', newline);
          const at = [...cuts.map((cut) => cut % (text.length + 1)), 0, text.length].sort(
            (a, b) => a - b,
          );
          const cut = at.slice(1).map((to, i) => text.slice(at[i], to));
          // whether a "\r" at the very end is all of a line's end is known only with the next piece
          expect(await read(...cut, ...(newline === '\r' ? [':'] : []))).toEqual(events);
        },
      ),
    );
  });
});

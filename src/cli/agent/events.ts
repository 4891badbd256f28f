import { setTimeout as delay } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import type { Event } from '../../agent/api/event-schema.js';
import { SdmError } from '../../common/errors.js';
import { stream } from '../../common/http.js';
import { readEvents } from '../../common/sse.js';
import { query, speaksToAgent, type ClientOptions } from './client.js';
import { lenderEventText, type LenderEvent } from './lender-events.js';
import { print } from './output.js';

/** Between two tries to reach an agent that went away. */
const RETRY_MS = 1_000;
/** The agent says something every 15 s; without a word for so long it is not there any more. */
const SILENCE_MS = 60_000;
/** What passes when the agent comes back; anything else would be refused again. */
const PASSING = new Set(['SDM_UNREACHABLE', 'SDM_TIMEOUT', 'SDM_STOPPING', 'SDM_TOO_MANY']);

interface EventsOptions extends ClientOptions {
  readonly follow?: true;
  readonly after?: string;
}

export function eventCommands(program: Command): void {
  speaksToAgent(program.command('events'))
    .description('what happened on this brick; --json prints one object per line')
    .option('-f, --follow', 'go on with what happens from now on, also when the agent restarts')
    .option('--after <id>', 'only what came after this event', eventId)
    .action(async (options: EventsOptions) => {
      // A reader that has seen enough (`| head`) ends this, and is no failure.
      process.stdout.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') throw error;
        process.exit();
      });
      await (options.follow ? follow(options) : tell(options, options.after, () => {}));
    });
}

function eventId(text: string): string {
  if (/^[0-9a-f]{8}-[0-9]{1,15}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the id of an event, such as 1f2e3d4c-17 (see --json).');
}

/** Until somebody ends it. What is refused at the first try, or for good, ends it as well. */
async function follow(options: EventsOptions): Promise<never> {
  let last = options.after;
  let seen = false;
  let away = false;
  for (;;) {
    try {
      await tell(options, last, (id) => {
        if (away) warn('the agent answers again');
        away = false;
        seen = true;
        last = id ?? last;
      });
    } catch (error) {
      if (!seen || !(error instanceof SdmError) || !PASSING.has(error.code)) throw error;
      if (!away) warn(`${error.code}: ${error.message}; trying again until it answers`);
      away = true;
    }
    await delay(RETRY_MS);
  }
}

/**
 * Prints what one stream says, until it ends.
 * @param onNews called whenever something came, and with the id of each event.
 */
async function tell(
  options: EventsOptions,
  after: string | undefined,
  onNews: (id: string | undefined) => void,
): Promise<void> {
  const path = `/v1/events${query({ after, follow: options.follow === true })}`;
  const pieces = heard(options.socket, path, () => onNews(undefined));
  for await (const { id, data } of readEvents(pieces)) {
    const event = JSON.parse(data) as Event | LenderEvent;
    print(options.json ? data : eventText(event));
    onNews(id);
  }
}

/** The pieces of a stream; breaks off where none comes for too long, as from a frozen machine. */
async function* heard(
  socketPath: string,
  path: string,
  onPiece: () => void,
): AsyncGenerator<string> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    for await (const piece of stream({ socketPath, path, signal: silence.signal })) {
      timer.refresh();
      onPiece();
      yield piece;
    }
  } catch (error) {
    if (!silence.signal.aborted) throw error;
    throw new SdmError('SDM_TIMEOUT', `the agent said nothing for ${SILENCE_MS} ms`);
  } finally {
    clearTimeout(timer);
  }
}

function warn(text: string): void {
  process.stderr.write(`sdm-agent: ${text}\n`);
}

/** One line for people: when, what, and what of it matters. */
export function eventText(event: Event | LenderEvent): string {
  return `${event.time}  ${lenderEventText(event as LenderEvent) ?? bodyText(event as Event)}`;
}

function bodyText(event: Event): string {
  switch (event.kind) {
    case 'attachment': {
      const { error, waits } = event.attachment;
      const waiting = waits === undefined ? '' : `, waits for ${waits}`;
      const why = error === undefined ? '' : `: ${error.code}: ${error.message}`;
      return `attachment ${event.id} is ${event.state}${waiting}${why}`;
    }
    case 'link': {
      const state = `link ${event.transceiver} is ${event.up ? 'up' : 'down'}`;
      const downs = BigInt(event.downs);
      // A link that never was up has not gone down.
      const often = downs === 0n ? '' : `, went down ${times(downs)} so far`;
      return `${state}${often}${idsText(event.attachments)}`;
    }
    case 'memport':
      return `memport ${event.port} was ${event.set ? 'set' : 'cleared'} by ${event.by}`;
    case 'epoch':
      return `controller ${event.controller} commands, epoch ${BigInt(event.epoch)}`;
    case 'reconciled': {
      const { kept, restored, undone, waiting, failed, foreign } = event;
      const parts = Object.entries({ kept, restored, undone, waiting, failed, foreign })
        .filter(([, list]) => list.length > 0)
        .map(([name, list]) => `${name} ${list.join(', ')}`);
      return `agent started${event.rebooted ? ' after a boot' : ''}: ${parts.join('; ') || 'nothing was attached'}`;
    }
    case 'gap':
      return event.reason === 'restarted'
        ? 'events are missing here: the agent was started again'
        : 'events are missing here: more happened than the agent keeps';
  }
}

function idsText(ids: readonly string[]): string {
  return ids.length === 0 ? '' : `: ${ids.join(', ')} go${ids.length === 1 ? 'es' : ''} over it`;
}

function times(n: bigint): string {
  return n === 1n ? 'once' : `${n} times`;
}

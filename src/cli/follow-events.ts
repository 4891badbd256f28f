import { setTimeout as delay } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import { SdmError } from '../common/errors.js';
import { readEvents } from '../common/sse.js';
import { query } from './agent/client.js';
import { print } from './agent/output.js';

/** Between two tries to reach a daemon that went away. */
const RETRY_MS = 1_000;
/** A daemon says something every 15 s; without a word for so long it is not there any more. */
const SILENCE_MS = 60_000;
/** What passes when the daemon comes back; anything else would be refused again. */
const PASSING = new Set(['SDM_UNREACHABLE', 'SDM_TIMEOUT', 'SDM_STOPPING', 'SDM_TOO_MANY']);

export interface EventsOptions {
  readonly json?: true;
  readonly follow?: true;
  readonly after?: string;
}

/** Whose events a command prints, and how. */
export interface EventSource {
  /** For messages: "the agent". */
  readonly daemon: string;
  /** The command, as its messages begin. */
  readonly command: string;
  readonly open: (path: string, signal: AbortSignal) => AsyncIterable<string>;
  /** A line for people. @param data one event as JSON. */
  readonly line: (data: string) => string;
  /** Why a daemon cannot be reached, for people. */
  readonly explain?: (error: SdmError) => string;
}

/** Reads the argument of --after. */
export function eventId(text: string): string {
  if (/^[0-9a-f]{8}-[0-9]{1,15}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the id of an event, such as 1f2e3d4c-17 (see --json).');
}

/** Prints what happened; with --follow also what happens, until somebody ends it. */
export async function printEvents(source: EventSource, options: EventsOptions): Promise<void> {
  // A reader that has seen enough (`| head`) ends this, and is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  await (options.follow ? follow(source, options) : tell(source, options, options.after, () => {}));
}

/** What is refused at the first try, or for good, ends it. */
async function follow(source: EventSource, options: EventsOptions): Promise<never> {
  const warn = (text: string): boolean => process.stderr.write(`${source.command}: ${text}\n`);
  let last = options.after;
  let seen = false;
  let away = false;
  for (;;) {
    try {
      await tell(source, options, last, (id) => {
        if (away) warn(`${source.daemon} answers again`);
        away = false;
        seen = true;
        last = id ?? last;
      });
    } catch (error) {
      if (!seen || !(error instanceof SdmError) || !PASSING.has(error.code)) throw error;
      const why = source.explain?.(error) ?? error.message;
      if (!away) warn(`${error.code}: ${why}; trying again until it answers`);
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
  source: EventSource,
  options: EventsOptions,
  after: string | undefined,
  onNews: (id: string | undefined) => void,
): Promise<void> {
  const path = `/v1/events${query({ after, follow: options.follow === true })}`;
  for await (const { id, data } of readEvents(heard(source, path, () => onNews(undefined)))) {
    print(options.json ? data : source.line(data));
    onNews(id);
  }
}

/** The pieces of a stream; breaks off where none comes for too long, as from a frozen machine. */
async function* heard(
  { daemon, open }: EventSource,
  path: string,
  onPiece: () => void,
): AsyncGenerator<string> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    for await (const piece of open(path, silence.signal)) {
      timer.refresh();
      onPiece();
      yield piece;
    }
  } catch (error) {
    if (!silence.signal.aborted) throw error;
    throw new SdmError('SDM_TIMEOUT', `${daemon} said nothing for ${SILENCE_MS} ms`);
  } finally {
    clearTimeout(timer);
  }
}

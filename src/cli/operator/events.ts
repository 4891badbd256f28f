import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { SdmError } from '../../common/errors.js';
import type { HttpClient } from '../../common/http-client.js';
import { readEvents } from '../../common/sse.js';
import type { ControllerEvent } from '../../controller/views.js';
import { query } from '../agent/client.js';
import { print, sizeText } from '../agent/output.js';
import { speaksToController, withClient, withHint, type ClientOptions } from './client.js';
import { coresText } from './request.js';

/** Between two tries to reach a controller that went away. */
const RETRY_MS = 1_000;
/** The controller says something every 15 s; without a word for so long it is not there any more. */
const SILENCE_MS = 60_000;
/** What passes when the controller comes back; anything else would be refused again. */
const PASSING = new Set(['SDM_UNREACHABLE', 'SDM_TIMEOUT', 'SDM_STOPPING', 'SDM_TOO_MANY']);

interface EventsOptions extends ClientOptions {
  readonly follow?: true;
  readonly after?: string;
}

type Told = (ControllerEvent | { readonly kind: 'gap'; readonly reason: string }) & {
  readonly time: string;
};

/** `sdm events`: what happens in the rack. */
export function eventsCommand(): Command {
  return speaksToController(new Command('events'))
    .description('what happened in the rack; --json prints one object per line')
    .option('-f, --follow', 'go on with what happens, also when the controller restarts')
    .option('--after <id>', 'only what came after this event', eventId)
    .action(async (options: EventsOptions) => {
      // A reader that has seen enough (`| head`) ends this, and is no failure.
      process.stdout.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'EPIPE') process.exit();
      });
      await withClient(options, (client) =>
        options.follow ? follow(client, options) : tell(client, options, options.after, () => {}),
      );
    });
}

function eventId(text: string): string {
  if (/^[0-9a-f]{8}-[0-9]{1,15}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the id of an event, such as 1f2e3d4c-17 (see --json).');
}

/** Until somebody ends it. What is refused at the first try, or for good, ends it as well. */
async function follow(client: HttpClient, options: EventsOptions): Promise<never> {
  let last = options.after;
  let seen = false;
  let away = false;
  for (;;) {
    try {
      await tell(client, options, last, (id) => {
        if (away) warn('the controller answers again');
        away = false;
        seen = true;
        last = id ?? last;
      });
    } catch (error) {
      if (!seen || !(error instanceof SdmError) || !PASSING.has(error.code)) throw error;
      if (!away)
        warn(
          `${error.code}: ${(withHint(error) as SdmError).message}; trying again until it answers`,
        );
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
  client: HttpClient,
  options: EventsOptions,
  after: string | undefined,
  onNews: (id: string | undefined) => void,
): Promise<void> {
  const path = `/v1/events${query({ after, follow: options.follow === true })}`;
  const pieces = heard(client, path, () => onNews(undefined));
  for await (const { id, data } of readEvents(pieces)) {
    print(options.json ? data : eventText(JSON.parse(data) as Told));
    onNews(id);
  }
}

/** The pieces of a stream; breaks off where none comes for too long, as from a frozen machine. */
async function* heard(
  client: HttpClient,
  path: string,
  onPiece: () => void,
): AsyncGenerator<string> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    for await (const piece of client.stream(path, { signal: silence.signal })) {
      timer.refresh();
      onPiece();
      yield piece;
    }
  } catch (error) {
    if (!silence.signal.aborted) throw error;
    throw new SdmError('SDM_TIMEOUT', `the controller said nothing for ${SILENCE_MS} ms`);
  } finally {
    clearTimeout(timer);
  }
}

function warn(text: string): void {
  process.stderr.write(`sdm: ${text}\n`);
}

/** One line for people: when, what, and what of it matters. */
export function eventText(event: Told): string {
  return `${event.time}  ${bodyText(event)}`;
}

function bodyText(event: Told): string {
  switch (event.kind) {
    case 'platform': {
      const { brick, cores, remoteMemory, error } = event.platform;
      const what = `${coresText(cores)} of ${brick}, ${sizeText(remoteMemory)} remote`;
      const why = error === undefined ? '' : `: ${error.code}: ${error.message}`;
      return `platform ${event.id} is ${event.state} (${what})${why}`;
    }
    case 'attachment': {
      const { error } = event;
      const why = error === undefined ? '' : `: ${error.code}: ${error.message}`;
      return `attachment ${event.id} is ${event.state}${why}`;
    }
    case 'brick':
      return `brick ${event.id} is ${event.liveness}${event.drained ? ', drained' : ''}`;
    case 'scrub': {
      const last = event.first + event.count - 1;
      const which =
        event.count === 1 ? `segment ${event.first}` : `segments ${event.first}-${last}`;
      return `${which} of ${event.memory} ${event.clean ? 'are clean' : 'could not be scrubbed'}`;
    }
    case 'drift':
      return `drift at ${event.where}: ${event.what} (${event.done})`;
    case 'tray':
      return `tray ${event.id}: ${JSON.stringify(event.event)}`;
    case 'lease':
      return `lease ${event.id} of platform ${event.platform} ${event.expired ? 'has expired' : 'began'}`;
    case 'epoch':
      return `the controller began term ${BigInt(event.epoch)}`;
    case 'reconciled': {
      const list = (ids: readonly number[]): string => (ids.length === 0 ? 'none' : ids.join(', '));
      return `the controller started: settled ${list(event.settled)}; waiting ${list(event.waiting)}`;
    }
    case 'gap':
      return event.reason === 'restarted'
        ? 'events are missing here: the controller was started again'
        : 'events are missing here: more happened than the controller keeps';
    default:
      return JSON.stringify(event);
  }
}

import { Command } from 'commander';
import type { SdmError } from '../../common/errors.js';
import type { ControllerEvent } from '../../controller/views.js';
import { sizeText } from '../agent/output.js';
import { eventId, printEvents, type EventsOptions } from '../follow-events.js';
import { speaksToController, withClient, withHint, type ClientOptions } from './client.js';
import { coresText } from './request.js';

type Told = (ControllerEvent | { readonly kind: 'gap'; readonly reason: string }) & {
  readonly time: string;
};

/** `sdm events`: what happens in the rack. */
export function eventsCommand(): Command {
  return speaksToController(new Command('events'))
    .description('what happened in the rack; --json prints one object per line')
    .option('-f, --follow', 'go on with what happens, also when the controller restarts')
    .option('--after <id>', 'only what came after this event', eventId)
    .action(async (options: ClientOptions & EventsOptions) => {
      await withClient(options, (client) =>
        printEvents(
          {
            daemon: 'the controller',
            command: 'sdm',
            open: (path, signal) => client.stream(path, { signal }),
            line: (data) => eventText(JSON.parse(data) as Told),
            explain: (error) => (withHint(error) as SdmError).message,
          },
          options,
        ),
      );
    });
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

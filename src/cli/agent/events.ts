import type { Command } from 'commander';
import type { Event } from '../../agent/api/event-schema.js';
import { stream } from '../../common/http.js';
import { eventId, printEvents, type EventsOptions } from '../follow-events.js';
import { speaksToAgent, type ClientOptions } from './client.js';
import { lenderEventText, type LenderEvent } from './lender-events.js';

export function eventCommands(program: Command): void {
  speaksToAgent(program.command('events'))
    .description('what happened on this brick; --json prints one object per line')
    .option('-f, --follow', 'go on with what happens from now on, also when the agent restarts')
    .option('--after <id>', 'only what came after this event', eventId)
    .action(async (options: ClientOptions & EventsOptions) => {
      await printEvents(
        {
          daemon: 'the agent',
          command: 'sdm-agent',
          open: (path, signal) => stream({ socketPath: options.socket, path, signal }),
          line: (data) => eventText(JSON.parse(data) as Event | LenderEvent),
        },
        options,
      );
    });
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

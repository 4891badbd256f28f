/** Commands that say how things are, and one that keeps a copy. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { formatPairs, formatTable } from '../../common/table.js';
import type { DriftView, TotalsView } from '../../controller/views.js';
import { print, printJson, sizeText } from '../agent/output.js';
import {
  ask,
  command,
  commandsController,
  speaksToController,
  withClient,
  type ClientOptions,
  type CommandOptions,
} from './client.js';

/** `sdm totals`: what there is, and what of it is free. */
export function totalsCommand(): Command {
  return speaksToController(new Command('totals'))
    .description('what the rack has, and what of it is free')
    .action(async (options: ClientOptions) => {
      const totals = (await ask(options, '/v1/totals')) as TotalsView;
      if (options.json) return printJson(totals);
      print(totalsText(totals));
    });
}

export function totalsText(totals: TotalsView): string {
  const { cores, coresFree, coresFreeIsland, localMemory, localMemoryFree } = totals;
  const { segments, segmentsFree, segmentsDirty, segmentsQuarantined, segmentSize } = totals;
  const bytes = (count: number): string =>
    sizeText(`0x${(BigInt(count) * BigInt(segmentSize)).toString(16)}`);
  return formatPairs([
    ['cores', `${coresFree} of ${cores} free; ${coresFreeIsland} at most for one platform`],
    ['local memory', `${sizeText(localMemoryFree)} of ${sizeText(localMemory)} free`],
    ['remote memory', `${bytes(segmentsFree)} of ${bytes(segments)} free`],
    [
      'segments',
      `${segmentsFree} of ${segments} free, of ${sizeText(segmentSize)} each; ` +
        `${segmentsDirty} wait for a scrub, ${segmentsQuarantined} quarantined`,
    ],
    ['platforms', String(totals.platforms)],
  ]);
}

/** `sdm drift`: what is not as it should be. */
export function driftCommand(): Command {
  return speaksToController(new Command('drift'))
    .description('what differs from what should be, as the controller last saw it')
    .action(async (options: ClientOptions) => {
      const { checked, items } = (await ask(options, '/v1/drift')) as DriftView;
      if (options.json) return printJson({ checked, items });
      const when = checked === null ? 'nothing was looked at yet' : `looked at ${checked}`;
      if (items.length === 0) return print(checked === null ? when : `nothing differs; ${when}`);
      print(
        formatTable(
          ['WHERE', 'WHAT', 'SINCE', 'DONE'],
          items.map((each) => [each.where, each.what, each.since, each.done]),
        ),
      );
      print(when);
    });
}

/** `sdm lease`: platforms that go unless somebody keeps them. */
export function leaseCommand(): Command {
  const lease = new Command('lease').description('leases of platforms');
  speaksToController(lease.command('keep'))
    .description('keep a lease, and with it its platform, for another term')
    .argument('<id>', 'of the lease, such as platform-7; 7 is short for it', leaseArgument)
    .action(async (id: string, options: ClientOptions) => {
      const path = `/v1/leases/${id}/keepalive`;
      const answer = await withClient(options, (client) => client.call('POST', path));
      if (options.json) return printJson(answer);
      print(`kept lease ${id}`);
    });
  return lease;
}

/** Leases are named for their platforms, by whose number people know them. */
function leaseArgument(text: string): string {
  if (/^[0-9]{1,16}$/.test(text)) return `platform-${text}`;
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the id of a lease.');
}

/** `sdm backup`: a copy of the controller's store. */
export function backupCommand(): Command {
  return commandsController(new Command('backup'))
    .description("copy the controller's store to a file on its machine, while it is used")
    .argument('<file>', 'where to; must not exist')
    .action(async (file: string, options: CommandOptions) => {
      const path = resolve(file);
      const answer = await command(options, 'POST', '/v1/backup', { path });
      if (options.json) return printJson(answer);
      print(`wrote ${path}`);
    });
}

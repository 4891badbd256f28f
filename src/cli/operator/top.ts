import { setTimeout as delay } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { SdmError } from '../../common/errors.js';
import type { HttpClient } from '../../common/http-client.js';
import type { BrickView, TotalsView } from '../../controller/views.js';
import { integerArgument } from '../agent/client.js';
import { print } from '../agent/output.js';
import { speaksToController, withClient, type ClientOptions } from './client.js';
import { allPlatforms } from './platforms.js';
import { Screen } from './screen.js';
import { topSummary, topTable, type Look } from './top-table.js';

interface TopOptions extends ClientOptions {
  readonly interval: number;
  readonly count?: number;
}

/** What passes when the controller comes back. */
const PASSING = new Set(['SDM_UNREACHABLE', 'SDM_TIMEOUT', 'SDM_STOPPING', 'SDM_TOO_MANY']);

/** `sdm top`: bricks and what is used of them, again and again. */
export function topCommand(): Command {
  return speaksToController(new Command('top'))
    .description('what is used of each brick, again and again; q or Ctrl-C ends it')
    .addOption(
      new Option('-i, --interval <seconds>', 'between two looks')
        .argParser(integerArgument(1, 3600))
        .default(2),
    )
    .addOption(
      new Option('-n, --count <n>', 'end after so many looks').argParser(
        integerArgument(1, 1_000_000_000),
      ),
    )
    .addHelpText(
      'after',
      `
Of a compute brick, REMOTE is what it has borrowed; of a memory brick, what it has lent. LINKS are
transceivers in use. Where the output is no terminal, each look is printed; --json: one line each.`,
    )
    .action(async (options: TopOptions) => {
      await withClient(options, (client) => {
        const screen = process.stdout.isTTY && !options.json;
        return screen ? onScreen(client, options) : inLines(client, options);
      });
    });
}

async function look(client: HttpClient, signal?: AbortSignal): Promise<Look> {
  const call = signal === undefined ? {} : { signal };
  const [bricks, platforms, totals] = await Promise.all([
    client.call('GET', '/v1/bricks', call) as Promise<{ bricks: BrickView[] }>,
    allPlatforms(client, call),
    client.call('GET', '/v1/totals', call) as Promise<TotalsView>,
  ]);
  return { ...bricks, platforms, totals };
}

async function inLines(client: HttpClient, options: TopOptions): Promise<void> {
  const { interval, count = Infinity, json } = options;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
  });
  for (let n = 0; n < count; n++) {
    if (n > 0) await delay(interval * 1000);
    const seen = await look(client);
    const time = new Date().toISOString();
    if (json) print(JSON.stringify({ time, ...seen }));
    else print(`${time}  ${topSummary(seen)}\n${topTable(seen)}`);
  }
}

async function onScreen(
  client: HttpClient,
  { interval, count = Infinity }: TopOptions,
): Promise<void> {
  const screen = new Screen(process.stdin, process.stdout);
  const { signal } = screen;
  let seen: Look | undefined;
  try {
    for (let n = 0; n < count && !signal.aborted; n++) {
      if (n > 0) await delay(interval * 1000, undefined, { signal });
      let trouble = '';
      try {
        seen = await look(client, signal);
      } catch (error) {
        const passes = error instanceof SdmError && PASSING.has(error.code);
        if (seen === undefined || !passes) throw error;
        trouble = `\n${error.code}: ${error.message}`;
      }
      const head = `sdm top  ${new Date().toTimeString().slice(0, 8)}  every ${interval} s, q ends`;
      screen.show(`${head}\n${topSummary(seen)}${trouble}\n\n${topTable(seen)}`);
    }
  } catch (error) {
    // the user has seen enough
    if (!signal.aborted) throw error;
  } finally {
    screen.close();
  }
}

import { Option, type Command } from 'commander';
import type { Memport } from '../../agent/api/schemas.js';
import { formatTable } from '../../common/table.js';
import {
  addressArgument,
  ask,
  idArgument,
  integerArgument,
  query,
  sizeArgument,
  speaksToAgent,
  type ClientOptions,
} from './client.js';
import { print, printJson } from './output.js';

interface SetOptions extends ClientOptions {
  readonly start: string;
  readonly size: string;
  readonly remote: string;
  readonly outId?: string;
  readonly inId?: string;
  readonly override?: true;
}

const port = integerArgument(0, 511);

export function memportCommands(program: Command): void {
  const memport = program.command('memport').description('memports, one by one');

  speaksToAgent(memport.command('list'))
    .description('list memports; the table leaves out those that are free')
    .option('--all', 'free ones, too')
    .action(list);

  const mandatory = (flags: string, text: string, parse: (text: string) => string): Option =>
    new Option(flags, text).argParser(parse).makeOptionMandatory();
  speaksToAgent(memport.command('set'))
    .description('set a memport by hand')
    .argument('<n>', 'memport', port)
    .addOption(mandatory('--start <address>', 'first local physical address', addressArgument))
    .addOption(mandatory('--size <size>', 'how much, such as 256MiB', sizeArgument))
    .addOption(mandatory('--remote <address>', 'remote address', addressArgument))
    .option('--out-id <id>', 'network id out', idArgument)
    .option('--in-id <id>', 'network id in', idArgument)
    .option('--override', 'also if it is foreign or belongs to an attachment')
    .action(set);

  speaksToAgent(memport.command('clear'))
    .description('clear a memport')
    .argument('<n>', 'memport', port)
    .option('--override', 'also if it is foreign or belongs to an attachment')
    .action(clear);
}

async function list(options: ClientOptions & { readonly all?: true }): Promise<void> {
  const { memports } = (await ask(options, { path: '/v1/memports' })) as { memports: Memport[] };
  if (options.json) return printJson(memports);
  const shown = options.all ? memports : memports.filter((m) => m.set || m.status !== 0);
  if (shown.length === 0) return print(`all ${memports.length} memports are free`);
  print(table(shown));
}

async function set(n: number, options: SetOptions): Promise<void> {
  const { start, size, remote, outId, inId, override } = options;
  const memport = (await ask(options, {
    method: 'PUT',
    path: `/v1/memports/${n}${query({ override })}`,
    body: { start, size, remote, outId, inId },
  })) as Memport;
  if (options.json) return printJson(memport);
  print(`set memport ${n}: ${memport.start}-${memport.end} is remote ${memport.remote ?? '-'}`);
}

async function clear(
  n: number,
  options: ClientOptions & { readonly override?: true },
): Promise<void> {
  const memport = (await ask(options, {
    method: 'DELETE',
    path: `/v1/memports/${n}${query({ override: options.override })}`,
  })) as Memport;
  if (options.json) return printJson(memport);
  print(`cleared memport ${n}`);
}

function table(memports: readonly Memport[]): string {
  const rows = memports.map((m) => [
    String(m.port),
    m.set ? 'yes' : 'no',
    m.statusName,
    m.start,
    m.end,
    m.remote ?? '-',
    m.outId,
    m.inId,
    BigInt(m.faults).toString(),
    m.by ?? '-',
    m.attachment ?? m.owner,
  ]);
  return formatTable(
    ['N', 'SET', 'STATUS', 'START', 'END', 'REMOTE', 'OUT', 'IN', 'FAULTS', 'BY', 'OWNER'],
    rows,
  );
}

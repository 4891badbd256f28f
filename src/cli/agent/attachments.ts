import { Option, type Command } from 'commander';
import type { Attachment } from '../../agent/api/schemas.js';
import { formatTable } from '../../common/table.js';
import {
  addressArgument,
  ask,
  attachmentIdArgument,
  idArgument,
  integerArgument,
  query,
  sizeArgument,
  speaksToAgent,
  type ClientOptions,
} from './client.js';
import { print, printJson, sizeText } from './output.js';

/** Longest wait for an attach or a detach, seconds: offlining memory in use may take minutes. */
const TIMEOUT_S = 600;

interface AttachOptions extends ClientOptions {
  readonly size: string;
  readonly mode: string;
  readonly node?: number;
  readonly shared?: true;
  readonly start?: string;
  readonly memport?: number;
  readonly remote?: string;
  readonly id?: string;
  readonly retain?: boolean;
  readonly outId?: string;
  readonly inId?: string;
  readonly timeout: number;
}

interface DetachOptions extends ClientOptions {
  readonly retain?: boolean;
  readonly offlineTimeout?: number;
  readonly override?: true;
  readonly timeout: number;
}

export function attachmentCommands(program: Command): void {
  const timeout = (): Option =>
    new Option('--timeout <seconds>', 'how long to wait for the answer')
      .argParser(integerArgument(1, 86_400))
      .default(TIMEOUT_S);

  speaksToAgent(program.command('attach'))
    .description('attach remote memory to this brick')
    .addOption(
      new Option('--size <size>', 'how much, such as 1G, 512MiB or 0x10000000')
        .argParser(sizeArgument)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--mode <mode>', 'what it becomes')
        .choices(['system-ram', 'device'])
        .default('system-ram'),
    )
    .option('--node <n>', 'system-ram: NUMA node that it joins', integerArgument(0, 1023))
    .option('--shared', 'device: from a share that other bricks use too')
    .option(
      '--start <address>',
      'local address (default: first fit in the window)',
      addressArgument,
    )
    .option('--memport <n>', 'through this one (default: the lowest free)', integerArgument(0, 511))
    .option('--remote <address>', 'offset in the pool (default: first fit)', addressArgument)
    .option('--id <id>', 'name it', attachmentIdArgument)
    .option('--retain', 'keep the bytes at detach (default where shared)')
    .option('--no-retain', 'scrub the bytes at detach (default where not shared)')
    .option('--out-id <id>', 'network id out', idArgument)
    .option('--in-id <id>', 'network id in', idArgument)
    .addOption(timeout())
    .action(attach);

  speaksToAgent(program.command('detach'))
    .description('give attached memory back')
    .argument('<id>', 'id of the attachment', attachmentIdArgument)
    .option('--retain', 'keep the bytes')
    .option('--no-retain', 'scrub the bytes')
    .option(
      '--offline-timeout <ms>',
      'how long memory in use may take to move away',
      integerArgument(1, 3_600_000),
    )
    .option('--override', 'also if a controller attached it')
    .addOption(timeout())
    .action(detach);

  speaksToAgent(program.command('list'))
    .description('list attachments')
    .argument('[id]', 'only this one', attachmentIdArgument)
    .action(list);
}

async function attach(options: AttachOptions): Promise<void> {
  const { socket: _socket, json, timeout, ...body } = options;
  const attachment = (await ask(options, {
    method: 'POST',
    path: '/v1/attachments',
    body,
    timeoutMs: timeout * 1000,
  })) as Attachment;
  if (json) return printJson(attachment);
  const { id, mode, size, start, end, remote, memport, node, device } = attachment;
  const where = mode === 'system-ram' ? `node ${node}` : `memport ${memport}`;
  print(`attached ${id}: ${sizeText(size)} ${mode}, ${where}, ${start}-${end}, pool ${remote}`);
  if (device !== undefined) {
    print(`map it: ${device.path}, offset ${device.offset}, ${device.size} bytes`);
  }
  print(stepsText(attachment.steps));
}

async function detach(id: string, options: DetachOptions): Promise<void> {
  const { retain, offlineTimeout, override } = options;
  const attachment = (await ask(options, {
    method: 'DELETE',
    path:
      `/v1/attachments/${encodeURIComponent(id)}` +
      query({ retain, offlineTimeoutMs: offlineTimeout, override }),
    timeoutMs: options.timeout * 1000,
  })) as Attachment;
  if (options.json) return printJson(attachment);
  print(`detached ${attachment.id}: ${sizeText(attachment.size)} given back`);
  print(stepsText(wayBack(attachment.steps)));
}

async function list(id: string | undefined, options: ClientOptions): Promise<void> {
  if (id !== undefined) {
    const path = `/v1/attachments/${encodeURIComponent(id)}`;
    const attachment = (await ask(options, { path })) as Attachment;
    return options.json ? printJson(attachment) : print(table([attachment]));
  }
  const { attachments } = (await ask(options, { path: '/v1/attachments' })) as {
    attachments: Attachment[];
  };
  if (options.json) return printJson(attachments);
  print(attachments.length === 0 ? 'nothing is attached' : table(attachments));
}

const COLUMNS = [
  'ID',
  'MODE',
  'STATE',
  'SIZE',
  'START',
  'REMOTE',
  'MEMPORT',
  'NODE',
  'OWNER',
  'LINK',
  'WAITS',
  'ERROR',
];

function table(attachments: readonly Attachment[]): string {
  const rows = attachments.map((a) => [
    a.id,
    a.mode,
    a.state,
    sizeText(a.size),
    a.start,
    a.remote,
    String(a.memport),
    a.node < 0 ? '-' : String(a.node),
    a.owner,
    a.link ?? '-',
    a.waits ?? '-',
    a.error === undefined ? '' : `${a.error.code}: ${a.error.message}`,
  ]);
  return formatTable(COLUMNS, rows);
}

type Steps = Attachment['steps'];

/** The steps of the way back: a detach answers with those of the attach before them. */
function wayBack(steps: Steps): Steps {
  const first = steps.findIndex(({ step }) => step === 'offline' || step === 'absent');
  return first < 0 ? steps : steps.slice(first);
}

function stepsText(steps: Steps): string {
  return steps.map(({ step, ms }) => `${step} ${ms.toFixed(1)} ms`).join(', ');
}

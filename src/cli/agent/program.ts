import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Option, type Command } from 'commander';
import {
  encodeCommand,
  misalignment,
  parseCommand,
  sizeOf,
  TEXT_MAX,
  type Command as D44Command,
} from '../../abi/d44/index.js';
import { PROFILES } from '../../abi/profiles.js';
import type { Attachment } from '../../agent/api/schemas.js';
import { SdmError } from '../../common/errors.js';
import { formatTable } from '../../common/table.js';
import { formatSize, hex } from '../../common/units.js';
import { ask, integerArgument, sizeArgument, speaksToAgent, type ClientOptions } from './client.js';
import { print, printJson, sizeText } from './output.js';

/** Longest wait for the agent, seconds. */
const TIMEOUT_S = 600;

interface Options extends ClientOptions {
  readonly dryRun?: true;
  readonly granule: string;
  readonly timeout: number;
}

export function programCommand(program: Command): void {
  speaksToAgent(program.command('program'))
    .description("carry out D4.4's command: JSON, or as the document prints it")
    .argument('<file>', 'where the command is; - for standard input')
    .option('--dry-run', 'show what it says, and ask no agent')
    .addOption(
      new Option('--granule <size>', '--dry-run: what must be aligned to it')
        .argParser(sizeArgument)
        .default(hex(PROFILES.zynq.granule), formatSize(PROFILES.zynq.granule)),
    )
    .addOption(
      new Option('--timeout <seconds>', 'how long to wait for the answer')
        .argParser(integerArgument(1, 86_400))
        .default(TIMEOUT_S),
    )
    .action(run);
}

async function run(file: string, options: Options): Promise<void> {
  const command = parseCommand(await readText(file));
  if (options.dryRun) return show(command, options);
  const before = options.json ? new Set() : await idsInUse(options);
  const answer = (await ask(options, {
    method: 'POST',
    path: '/RemoteMemory',
    body: encodeCommand(command),
    timeoutMs: options.timeout * 1000,
  })) as { attachments: Attachment[] };
  if (options.json) return printJson(answer);
  for (const { id, size, start, end, remote, memport } of answer.attachments) {
    print(
      command.action === 'Add'
        ? `${before.has(id) ? 'was there:' : 'added'} ${id}: ${sizeText(size)}, memport ${memport}, ${start}-${end}, pool ${remote}`
        : `removed ${id}: ${sizeText(size)}, ${start}-${end}`,
    );
  }
}

/** An Add of what is there answers as if it had made it. */
async function idsInUse(options: Options): Promise<ReadonlySet<string>> {
  const { attachments } = (await ask(options, { path: '/v1/attachments' })) as {
    attachments: Attachment[];
  };
  return new Set(attachments.map(({ id }) => id));
}

/** @throws SDM_INPUT for a file that cannot be read. What is too long is cut: the reader refuses it. */
async function readText(file: string): Promise<string> {
  if (file === '-') return read(process.stdin);
  try {
    const handle = await open(file);
    return await read(handle.createReadStream());
  } catch (cause) {
    throw new SdmError('SDM_INPUT', `${file} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function read(stream: Readable): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const part of stream) {
    text += String(part);
    if (text.length > TEXT_MAX) break;
  }
  return text;
}

function show({ action, segments, cIP }: D44Command, { granule, json }: Options): void {
  const unit = BigInt(granule);
  if (unit === 0n) throw new SdmError('SDM_USAGE', '--granule is 0; expected 1 or more');
  const rows = segments.map((segment, i) => {
    const wrong = misalignment(segments, i, unit);
    const { start, end, remote, net } = segment;
    return { start, end, size: sizeOf(segment), remote, net, wrong };
  });
  if (json) {
    return printJson({
      action,
      ...(cIP === undefined ? {} : { cIP }),
      segments: rows.map(({ start, end, size, remote, net, wrong }) => ({
        start: hex(start),
        end: hex(end),
        size: hex(size),
        ...(remote === undefined ? {} : { remote: hex(remote) }),
        ...(net === undefined ? {} : { net: hex(net) }),
        aligned: wrong === undefined,
      })),
    });
  }
  print(`${action}, ${segments.length} segments${cIP === undefined ? '' : `, for ${cIP}`}`);
  print(
    formatTable(
      ['SEGMENT', 'START', 'END', 'SIZE', 'REMOTE', 'NET', `ALIGNED TO ${sizeText(granule)}`],
      rows.map(({ start, end, size, remote, net, wrong }, i) => [
        String(i),
        hex(start),
        hex(end),
        formatSize(size),
        remote === undefined ? '-' : hex(remote),
        net === undefined ? '-' : String(net),
        wrong === undefined ? 'yes' : `${wrong.key} is ${hex(wrong.past)} past`,
      ]),
    ),
  );
}

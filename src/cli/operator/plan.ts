import { Command } from 'commander';
import { sdmCommand } from '../../common/called.js';
import { formatTable } from '../../common/table.js';
import type { ExplainView, PlanView } from '../../controller/views.js';
import { print, printJson, sizeText } from '../agent/output.js';
import { askAbout, speaksToController, type ClientOptions } from './client.js';
import { attachmentTable } from './platform.js';
import { asksAbout, coresText, questionOf, type QuestionOptions } from './request.js';

type Options = ClientOptions & QuestionOptions;

/** `sdm plan`: what a command would do. */
export function planCommand(): Command {
  const command = new Command('plan')
    .description('what `platform create` or `memory add` would take; nothing is changed')
    .addHelpText(
      'after',
      `
Examples:
  ${sdmCommand()} plan --cores 4 --memory 16G
  ${sdmCommand()} plan --platform 7 --size 1G`,
    );
  return speaksToController(asksAbout(command)).action(async (options: Options) => {
    const plan = (await askAbout(options, '/v1/plan', questionOf(options))) as PlanView;
    if (options.json) return printJson(plan);
    print(planText(plan));
  });
}

/** `sdm explain`: why not, and what would work. */
export function explainCommand(): Command {
  const command = new Command('explain').description(
    'why a request would be refused, and which one would work; exit code 1 if it would be',
  );
  return speaksToController(asksAbout(command)).action(async (options: Options) => {
    const answer = (await askAbout(options, '/v1/explain', questionOf(options))) as ExplainView;
    if (!answer.fits) process.exitCode = 1;
    if (options.json) return printJson(answer);
    if (answer.fits) return print(`it would work:\n${planText(answer.plan)}`);
    const { platform } = options;
    const { message, nearest } = answer.refusal;
    print(`it would not work: ${message}`);
    if (nearest !== undefined) print(`  this would: sdm ${commandLine({ ...nearest, platform })}`);
  });
}

function planText(plan: PlanView): string {
  const { brick, island, cores, localMemory, remoteMemory, attachments, switches } = plan;
  const own =
    cores === 0
      ? ''
      : `${coresText(cores)} of island ${island}, ${sizeText(localMemory)} local and `;
  const lines = [`${brick}: ${own}${sizeText(remoteMemory)} remote memory`];
  if (attachments.length > 0) lines.push(attachmentTable(attachments));
  const wires = switches.dBOXSwitchesConfigs;
  if (wires.length > 0) {
    lines.push('', formatTable(['SWITCH', 'PORTS'], wires.map((each) => [each.switchId, each.ports]))); // prettier-ignore
  }
  return lines.join('\n');
}

const OPTION_OF: Readonly<Record<string, string>> = {
  cores: '--cores',
  memory: '--memory',
  localMemory: '--local',
  remoteMemory: '--remote',
  pathUtil: '--path-util',
  policy: '--policy',
  name: '--name',
  brick: '--brick',
  mode: '--mode',
  node: '--node',
};

/** A request as the command that makes it. */
function commandLine(request: Readonly<Record<string, unknown>>): string {
  const options = Object.entries(request)
    .filter(([key]) => OPTION_OF[key] !== undefined)
    .map(([key, value]) => `${OPTION_OF[key]} ${argumentOf(value)}`);
  const { platform, size } = request;
  if (platform === undefined) return ['platform create', ...options].join(' ');
  return ['memory add', String(platform), argumentOf(size), ...options].join(' ');
}

/** Sizes as people write them, without rounding. */
function argumentOf(value: unknown): string {
  const text = String(value);
  if (!/^0x[0-9a-f]+$/.test(text)) return text;
  const bytes = BigInt(text);
  const unit = ['T', 'G', 'M', 'K'].find((_, i) => bytes % (1n << BigInt(10 * (4 - i))) === 0n);
  return unit === undefined ? text : `${bytes >> BigInt(10 * ' KMGT'.indexOf(unit))}${unit}`;
}

import type { Command } from 'commander';
import type { Grant, LenderState, Scrubbed } from '../../agent/lender/api/schemas.js';
import { SdmError } from '../../common/errors.js';
import { formatPairs, formatTable } from '../../common/table.js';
import { ask, attachmentIdArgument, speaksToAgent, type ClientOptions } from './client.js';
import { print, printJson, sizeText } from './output.js';

/** A scrub may take as long as it is configured to: an hour at most. */
const SCRUB_MS = 3_660_000;

interface ScrubOptions extends ClientOptions {
  readonly unknown?: true;
  readonly region?: string;
}

interface DropOptions extends ClientOptions {
  readonly retain?: true;
  readonly override?: true;
}

export function lenderCommands(program: Command): void {
  const lender = program.command('lender').description('what this brick lends (role memory)');

  speaksToAgent(lender.command('show'))
    .description('show its segments')
    .action(async (options: ClientOptions) => {
      const state = await stateOf(options);
      if (options.json) return printJson(state);
      print(stateText(state));
    });

  speaksToAgent(lender.command('grants'))
    .description('list what is granted')
    .action(async (options: ClientOptions) => {
      const { grants } = (await ask(options, { path: '/v1/grants' })) as { grants: Grant[] };
      if (options.json) return printJson(grants);
      if (grants.length === 0) return print('nothing is granted');
      const columns = ['ID', 'STATE', 'SIZE', 'RANGES', 'SHARED', 'BORROWER', 'OWNER'];
      print(formatTable(columns, grants.map(grantRow)));
      for (const { id, error } of grants) {
        if (error !== undefined) print(`${id}: ${error.code}: ${error.message}`);
      }
    });

  speaksToAgent(lender.command('drop'))
    .description('end a grant, and scrub what nobody else has of it')
    .argument('<id>', 'grant', attachmentIdArgument)
    .option('--retain', 'keep the bytes for its region')
    .option('--override', 'also if a controller granted it')
    .action(async (id: string, { retain, override, ...options }: DropOptions) => {
      const query = new URLSearchParams();
      if (retain) query.set('retain', 'true');
      if (override) query.set('override', 'true');
      const path = `/v1/grants/${id}${query.size === 0 ? '' : `?${query.toString()}`}`;
      const answer = await ask(options, { method: 'DELETE', path, timeoutMs: SCRUB_MS });
      if (options.json) return printJson(answer);
      print(`dropped ${id}: ${scrubbedText(answer as Scrubbed)}`);
    });

  speaksToAgent(lender.command('scrub'))
    .description('give up bytes that nobody is granted, and scrub them')
    .option('--unknown', 'all that this lender knows nothing of')
    .option('--region <id>', 'what is retained for a region', attachmentIdArgument)
    .action(scrub);
}

async function stateOf(options: ClientOptions): Promise<LenderState> {
  return (await ask(options, { path: '/v1/lender' })) as LenderState;
}

async function scrub({ unknown, region, ...options }: ScrubOptions): Promise<void> {
  if ((unknown === undefined) === (region === undefined)) {
    throw new SdmError('SDM_USAGE', 'give either --unknown or --region');
  }
  let body: object = { region, giveUp: ['retained'] };
  if (unknown) {
    const { segments } = await stateOf(options);
    const ranges = segments
      .filter(({ state }) => state === 'unknown')
      .map(({ start, size }) => ({ start, size }));
    if (ranges.length === 0) return print('there is nothing unknown');
    body = { ranges, giveUp: ['unknown'] };
  }
  const request = { method: 'POST', path: '/v1/scrub', timeoutMs: SCRUB_MS } as const;
  const answer = await ask(options, { ...request, body });
  if (options.json) return printJson(answer);
  print(scrubbedText(answer as Scrubbed));
}

function stateText(state: LenderState): string {
  const { brick, pool, base, size, segmentSize, allocated, counts, segments } = state;
  const of = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
  const rows = segments.map((run) => [
    run.count === 1 ? String(run.first) : `${run.first}-${run.first + run.count - 1}`,
    run.start,
    sizeText(run.size),
    run.state,
    run.grants.join(', ') || run.region || '-',
    run.error?.code ?? '-',
  ]);
  return [
    formatPairs([
      ['brick', brick],
      ['pool', pool],
      ['part', `${sizeText(size)} from ${base} on`],
      ['segments', `${of.join(', ')}; ${sizeText(segmentSize)} each`],
      ['in the pool', allocated === undefined ? 'not known' : sizeText(allocated)],
    ]),
    '',
    formatTable(['SEGMENTS', 'START', 'SIZE', 'STATE', 'GRANTS OR REGION', 'ERROR'], rows),
  ].join('\n');
}

function grantRow({ id, state, ranges, shared, borrower, owner }: Grant): string[] {
  const size = ranges.reduce((sum, range) => sum + BigInt(range.size), 0n);
  const starts = ranges.map((range) => `${range.start}+${sizeText(range.size)}`);
  const shown = starts.length > 3 ? [...starts.slice(0, 3), `${starts.length - 3} more`] : starts;
  const text = `0x${size.toString(16)}`;
  return [
    id,
    state,
    sizeText(text),
    shown.join(' '),
    shared ? 'yes' : 'no',
    borrower ?? '-',
    owner,
  ];
}

function scrubbedText({ scrubbed, retained, shared, ms, proof }: Scrubbed): string {
  const parts = [
    `${sizeText(scrubbed)} scrubbed in ${ms.toFixed(1)} ms` +
      (proof === undefined ? '' : ` (${proof.method}; read back as zero)`),
    ...(BigInt(retained) === 0n ? [] : [`${sizeText(retained)} retained`]),
    ...(BigInt(shared) === 0n ? [] : [`${sizeText(shared)} in use by others`]),
  ];
  return parts.join(', ');
}

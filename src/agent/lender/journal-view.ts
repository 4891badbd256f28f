import { formatPairs, formatTable } from '../../common/table.js';
import { formatSize, hex } from '../../common/units.js';
import { toJson } from '../../common/json.js';
import { FORMAT, readLogOf, type LogContents } from '../journal/lines.js';
import { LENDER } from './journal.js';
import { LenderModel, type GrantRecord, type LenderEntry } from './model.js';
import { rangeOfRun, type Run } from './runs.js';

/** Whether the first entry of a log is a lender's. Not for one that is damaged before that. */
export function isLenderLog(bytes: Buffer): boolean {
  const [line] = readLogOf(
    bytes,
    (text) => JSON.parse(text) as { kind?: unknown; life?: unknown },
  ).lines;
  return line?.entry.kind === 'begin' && typeof line.entry.life === 'string';
}

export function readLenderLog(bytes: Buffer): LogContents<LenderEntry> {
  return readLogOf(bytes, (text) => LENDER.decode(text));
}

/** The journal of a lender as programs get it: what `sdm-agent journal show --json` prints. */
export function lenderJournalJson(
  file: string,
  bytes: number,
  contents: LogContents<LenderEntry>,
): unknown {
  const { lines, next, damage } = contents;
  const { begin, epoch, grants, leaving, base } = modelOf(contents);
  return toJson({
    ...{ file, bytes, format: FORMAT, next, damage: damage ?? null, entries: lines },
    state: {
      begin: begin ?? null,
      epoch: epoch ?? null,
      grants: [...grants.values()],
      leaving: [...leaving.values()],
      segments: base,
    },
  });
}

/** The same for people. */
export function lenderJournalText(
  file: string,
  bytes: number,
  contents: LogContents<LenderEntry>,
): string {
  const { lines, damage } = contents;
  const model = modelOf(contents);
  const rows = lines.map(({ line, seq, entry }) => [
    String(line),
    String(seq),
    entry.kind,
    described(model, entry),
  ]);
  const columns = [
    { title: 'LINE', align: 'right' },
    { title: 'SEQ', align: 'right' },
    'ENTRY',
    'WHAT',
  ] as const;
  const { begin, epoch, grants, leaving } = model;
  const torn = damage?.kind === 'torn' ? ', and was never finished' : ': docs/journal.md';
  return [
    `${file}: ${lines.length} entries, ${bytes} bytes`,
    ...(rows.length === 0 ? [] : [formatTable(columns, rows)]),
    ...(damage === undefined
      ? []
      : [`Line ${damage.line} (byte ${damage.offset}) ${damage.why}${torn}.`]),
    'It adds up to:',
    formatPairs(
      [
        ['brick', begin?.identity.brick ?? 'unknown'],
        ['pool', begin?.identity.pool ?? 'unknown'],
        ['term', epoch === undefined ? 'none' : `${epoch.epoch}, of ${epoch.controller}`],
        ['grants', [...grants.keys()].join(', ') || 'none'],
        ['leaving', [...leaving.keys()].join(', ') || 'none'],
      ],
      '  ',
    ),
  ].join('\n\n');
}

function modelOf({ lines }: LogContents<LenderEntry>): LenderModel {
  const model = new LenderModel();
  for (const { entry } of lines) model.apply(entry);
  return model;
}

function described({ begin }: LenderModel, entry: LenderEntry): string {
  const runText = (run: Run): string => {
    if (begin === undefined) return `segments ${run.first} to ${run.first + run.count - 1}`;
    const { start, size } = rangeOfRun(begin.identity, run);
    return `${formatSize(size)} at ${hex(start)}`;
  };
  const grantText = ({ id, runs, owner, shared }: GrantRecord): string =>
    `${id}: ${runs.map(runText).join(' and ')}, owner ${owner}${shared ? ', shared' : ''}`;
  switch (entry.kind) {
    case 'begin':
      return `${entry.identity.brick}, pool ${entry.identity.pool}, life ${entry.life}`;
    case 'epoch':
      return `term ${entry.epoch}, of ${entry.controller}`;
    case 'grant':
      return grantText(entry.grant);
    case 'drop':
      return `${entry.id}, ${entry.retain ? 'its bytes are kept' : 'to be scrubbed'}`;
    case 'leaving':
      return `${grantText(entry.grant)}; to be scrubbed: ${entry.left.map(runText).join(' and ')}`;
    case 'segments': {
      const region = entry.region === undefined ? '' : ` for ${entry.region}`;
      return `${runText(entry.run)}: ${entry.state}${region}`;
    }
  }
}

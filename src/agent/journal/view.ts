import { formatPairs, formatTable } from '../../common/table.js';
import { formatSize, hex } from '../../common/units.js';
import { JournalModel, type JournalEntry, type JournalState } from '../attachments/journal.js';
import type { AttachmentRecord } from '../attachments/record.js';
import { toJson } from '../../common/json.js';
import { FORMAT, type LogContents } from './lines.js';

/** A journal as programs get it: what `sdm-agent journal show --json` prints. */
export function journalJson(file: string, bytes: number, contents: LogContents): object {
  const { lines, next, damage } = contents;
  const { attachments, memports, policy, epoch, begin } = stateOf(contents);
  return toJson({
    file,
    bytes,
    format: FORMAT,
    next,
    damage: damage ?? null,
    entries: lines,
    state: {
      begin: begin ?? null,
      epoch: epoch ?? null,
      policy,
      memports: [...memports].map(([port, held]) => ({ port, ...held })),
      attachments: [...attachments.values()].map(({ record, doing, at }) => ({
        ...record,
        doing: doing ?? null,
        at: at ?? null,
      })),
    },
  });
}

/** The same for people. */
export function journalText(file: string, bytes: number, contents: LogContents): string {
  const { lines, damage } = contents;
  const rows = lines.map(({ line, seq, entry }) => [
    String(line),
    String(seq),
    entry.kind,
    ...described(entry),
  ]);
  const columns = [
    { title: 'LINE', align: 'right' },
    { title: 'SEQ', align: 'right' },
    'ENTRY',
    'OF',
    'WHAT',
  ] as const;
  const parts = [
    `${file}: ${lines.length} entries, ${bytes} bytes`,
    ...(rows.length === 0 ? [] : [formatTable(columns, rows)]),
    ...(damage === undefined ? [] : [damageText(contents)]),
    stateText(stateOf(contents)),
  ];
  return parts.join('\n\n');
}

function stateOf({ lines }: LogContents): JournalState {
  const model = new JournalModel();
  for (const { entry } of lines) model.apply(entry);
  return model;
}

function damageText({ damage }: LogContents): string {
  if (damage === undefined) return '';
  const { kind, line, offset, bytes, why } = damage;
  const where = `Line ${line} (byte ${offset}) ${why}.`;
  if (kind === 'torn') {
    return (
      `${where} The last ${bytes} bytes were never finished: an agent is writing them now, or it ` +
      'ended while it did, and the next one drops them.'
    );
  }
  const rest = bytes === 0 ? '' : ` The ${bytes} bytes from there on are not shown.`;
  return `${where}${rest} No agent starts with this journal: docs/journal.md has the ways on.`;
}

/** What it is about, and what it says, in two cells. */
function described(entry: JournalEntry): [string, string] {
  switch (entry.kind) {
    case 'attach':
    case 'detach':
    case 'rest':
      return [entry.attachment.id, recordText(entry.attachment)];
    case 'at':
      return [entry.id, `${entry.direction} ${entry.stage}`];
    case 'forget':
      return [entry.id, 'nothing is left of it'];
    case 'policy':
      return ['auto-online', entry.saved === null ? 'as it was' : `off; it was ${entry.saved}`];
    case 'memport': {
      const { port, held } = entry;
      if (held === null) return [`memport ${port}`, 'cleared'];
      const { spec, by, waits } = held;
      const what = `${rangeText(spec.start, spec.size, spec.remote)}, by ${by}`;
      return [`memport ${port}`, waits === undefined ? what : `${what}, waits: ${waits}`];
    }
    case 'epoch':
      return [entry.controller, `term ${entry.epoch}`];
    case 'begin': {
      const { identity, bootId } = entry;
      return [identity.brick, `${identity.registers}, pool ${identity.pool}, boot ${bootId}`];
    }
  }
}

function recordText(record: AttachmentRecord): string {
  const { request, state, start, remote, memport, owner, waits, error } = record;
  const parts = [
    `${state}: ${request.mode}, ${rangeText(start, request.size, remote)}`,
    `memport ${memport}`,
    `owner ${owner}`,
    ...(waits === undefined ? [] : [`waits: ${waits}`]),
    ...(error === undefined ? [] : [error.code]),
  ];
  return parts.join(', ');
}

function rangeText(start: bigint, size: bigint, remote: bigint): string {
  return `${formatSize(size)} at ${hex(start)}, pool ${hex(remote)}`;
}

function stateText({ begin, epoch, policy, attachments, memports }: JournalState): string {
  const rows = [...attachments.values()].map(({ record, doing, at }) => [
    `  ${record.id}`,
    doing === undefined ? 'rests' : `${doing} began`,
    at === undefined ? '' : `${at.direction} ${at.stage}`,
    recordText(record),
  ]);
  const held = [...memports].map(([port, it]) => [
    `  ${port}`,
    described({ kind: 'memport', port, held: it })[1],
  ]);
  return [
    'It adds up to:',
    formatPairs(
      [
        ['brick', begin === undefined ? 'unknown' : begin.identity.brick],
        ['registers', begin?.identity.registers ?? 'unknown'],
        ['pool', begin?.identity.pool ?? 'unknown'],
        ['boot', begin?.bootId ?? 'unknown'],
        ['term', epoch === undefined ? 'none' : `${epoch.epoch}, of ${epoch.controller}`],
        ['auto-online', policy === null ? 'left as it is' : `to be put back to ${policy}`],
        ['attachments', attachments.size === 0 ? 'none' : String(attachments.size)],
        ['memports', memports.size === 0 ? 'none by hand' : `${memports.size} by hand`],
      ],
      '  ',
    ),
    ...(rows.length === 0 ? [] : [formatTable(['  ATTACHMENT', 'COMMAND', 'AT', 'WHAT'], rows)]),
    ...(held.length === 0 ? [] : [formatTable(['  MEMPORT', 'WHAT'], held)]),
  ].join('\n');
}

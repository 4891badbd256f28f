import { hex } from '../../abi/numbers.js';
import { explain, show } from '../../common/schema-errors.js';
import { CodecError } from '../journal/codec.js';
import type { FileJournal } from '../journal/file-journal.js';
import type { JournalKind } from '../journal/kind.js';
import { ENTRY_SCHEMAS, type BeginJson } from './entry-schema.js';
import { validatorOf } from './entry-validator.js';
import { entriesOf, LenderModel, type LenderEntry } from './model.js';

export type LenderJournal = FileJournal<LenderEntry, LenderModel>;

/** The journal of a lender: the file is as an agent's (docs/journal.md), its entries are others. */
export const LENDER: JournalKind<LenderEntry, LenderModel> = {
  model: () => new LenderModel(),
  modelOf(state) {
    const model = new LenderModel();
    for (const entry of entriesOf(state)) model.apply(entry);
    return model;
  },
  entriesOf,
  copy: (entry) => entry,
  encode(entry) {
    const json = toJson(entry);
    check(entry.kind, json);
    return JSON.stringify(json);
  },
  decode(text) {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw new CodecError(`expected JSON, found ${show(text)}`);
    }
    const kind =
      typeof json === 'object' && json !== null && 'kind' in json ? json.kind : undefined;
    if (typeof kind !== 'string' || !Object.hasOwn(ENTRY_SCHEMAS, kind)) {
      const known = Object.keys(ENTRY_SCHEMAS).join(', ');
      throw new CodecError(`kind: expected one of ${known}, found ${show(kind)}`);
    }
    check(kind as LenderEntry['kind'], json);
    return ofJson(json as { kind: string });
  },
  takes: (entry) => entry.kind === 'grant',
};

function check(kind: LenderEntry['kind'], json: unknown): void {
  const validate = validatorOf(kind);
  if (validate(json)) return;
  const { key, expected, found } = explain(validate.errors);
  throw new CodecError(`${kind} entry: ${key}: expected ${expected}, found ${show(found)}`);
}

function toJson(entry: LenderEntry): object {
  if (entry.kind === 'epoch') return { ...entry, epoch: hex(entry.epoch) };
  if (entry.kind !== 'begin') return entry;
  const { brick, pool, base, size, segmentSize } = entry.identity;
  const identity = {
    brick,
    pool,
    base: hex(base),
    size: hex(size),
    segmentSize: hex(segmentSize),
  };
  return { kind: entry.kind, identity, life: entry.life };
}

/** The schema has checked it. */
function ofJson(json: { kind: string }): LenderEntry {
  if (json.kind === 'epoch') {
    const { epoch } = json as unknown as { epoch: string };
    return { ...json, epoch: BigInt(epoch) } as LenderEntry;
  }
  if (json.kind !== 'begin') return json as LenderEntry;
  const { identity, life } = json as BeginJson;
  const [base, size, segmentSize] = [
    BigInt(identity.base),
    BigInt(identity.size),
    BigInt(identity.segmentSize),
  ];
  return { kind: 'begin', identity: { ...identity, base, size, segmentSize }, life };
}

import { copyEntry, JournalModel, type JournalEntry } from '../attachments/journal.js';
import { decodeEntry, encodeEntry } from './codec.js';
import type { JournalKind } from './kind.js';
import { entriesOf, modelOf } from './snapshot.js';

/** The journal of an agent. */
export const ATTACHMENTS: JournalKind<JournalEntry, JournalModel> = {
  model: () => new JournalModel(),
  modelOf,
  entriesOf,
  copy: copyEntry,
  encode: encodeEntry,
  decode: decodeEntry,
  // what only waits does not
  takes: (entry) =>
    entry.kind === 'attach' ||
    (entry.kind === 'memport' && entry.held !== null && entry.held.waits === undefined),
  placeOf: (entry) => (entry.kind === 'at' ? entry.id : undefined),
  settles: (entry) =>
    'attachment' in entry ? entry.attachment.id : 'id' in entry ? entry.id : undefined,
};

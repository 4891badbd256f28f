import { JournalModel, type JournalEntry, type JournalState } from '../attachments/journal.js';

/** The fewest entries that add up to a state. */
export function* entriesOf(state: JournalState): Generator<JournalEntry> {
  if (state.begin !== undefined) yield { kind: 'begin', ...state.begin };
  if (state.epoch !== undefined) yield { kind: 'epoch', ...state.epoch };
  if (state.policy !== null) yield { kind: 'policy', saved: state.policy };
  for (const [port, held] of state.memports) yield { kind: 'memport', port, held };
  for (const [id, { record, doing, at }] of state.attachments) {
    yield { kind: doing ?? 'rest', attachment: record };
    if (at !== undefined) yield { kind: 'at', id, ...at };
  }
}

/** A model that goes on from a state, and leaves it as it is. */
export function modelOf(state: JournalState): JournalModel {
  const model = new JournalModel();
  for (const entry of entriesOf(state)) model.apply(entry);
  return model;
}

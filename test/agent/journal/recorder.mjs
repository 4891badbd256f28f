// Records attachments in the journal of the directory given, as fast as it can, and prints the
// number of each once it is said to be safe. Ends when it is killed.
import { writeSync } from 'node:fs';
import { openJournal } from '../../../dist/src/agent/journal/index.js';

const [directory, attachment, at] = process.argv.slice(2);
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const journal = await openJournal(directory, { log: silent });
const record = JSON.parse(attachment, (_key, value) =>
  typeof value === 'string' && /^0x[0-9a-f]+$/.test(value) ? BigInt(value) : value,
);

async function one(first, step) {
  for (let n = first; ; n += step) {
    await journal.record({ kind: 'rest', attachment: { ...record, id: `n${n}` } });
    writeSync(1, `${n}\n`);
    journal.note({ kind: 'at', id: `n${n}`, direction: 'down', stage: 'online' });
    if (n >= 100) await journal.record({ kind: 'forget', id: `n${n - 100}` });
  }
}

const clients = 8;
for (let i = 0; i < clients; i++) void one(Number(at) + i, clients);

// Commits until it is ended, and says what was acknowledged: one line each, when the promise resolved.
// A transaction puts two keys, so that half of one shows; some leave a key of the one before behind.
import { writeSync } from 'node:fs';
import { openStore } from '../../../dist/src/controller/store/index.js';

const [path, from, clients, size] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const log = { info() {}, warn() {}, error() {} };
const say = (line) => writeSync(1, `${line}\n`);

let store;
try {
  store = await openStore({ path, log });
} catch (error) {
  say(`refused ${JSON.stringify({ code: error.code, message: error.message })}`);
  process.exit(1);
}
store.failed.then((error) => say(`failed ${JSON.stringify({ code: error.code })}`));
say('open');
let next = from;
const filler = 'x'.repeat(size);
await Promise.all(
  Array.from({ length: clients }, async () => {
    for (;;) {
      const id = String(next++).padStart(8, '0');
      const put = ['a', 'b'].map((half) => ({ key: `${half}/${id}`, value: `"${filler}"` }));
      try {
        const end = await store.commit({ put, compare: [{ key: `a/${id}`, revision: 0 }] });
        say(`${end.ok ? 'acked' : 'conflict'} ${id} ${end.revision}`);
      } catch (error) {
        return say(`rejected ${id} ${error.code}`);
      }
    }
  }),
);
await store.close();
say('closed');

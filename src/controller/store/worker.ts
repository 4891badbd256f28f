/** The thread of a database: answers calls one after the other, in the order in which they come. */
import { parentPort, workerData } from 'node:worker_threads';
import { SdmError } from '../../common/errors.js';
import { checkBackup, Database } from './database.js';
import type { Call, Job, Problem, Reply, Row } from './protocol.js';

const port = parentPort;
if (port === null) throw new Error('this file is for a worker thread');
const post = (reply: Reply): void => port.postMessage(reply);

/** SQLite's errors have a number: "disk I/O error" alone does not say which of its forty it is. */
function problemOf(error: unknown): Problem {
  if (error instanceof SdmError) {
    return { message: error.message, code: error.code, details: error.details ?? {} };
  }
  const { message, errcode } = error as Error & { errcode?: number };
  return errcode === undefined
    ? { message: String(message) }
    : { message: `SQLite: ${message} (${errcode})`, details: { errcode } };
}

async function answer(db: Database, call: Call): Promise<void> {
  const id = call.call;
  try {
    switch (call.kind) {
      case 'group':
        return post({ call: id, kind: 'group', outcomes: db.group(call.operations) });
      case 'range': {
        const send = (rows: Row[]): void => post({ call: id, kind: 'rows', rows });
        return post({ call: id, kind: 'end', revision: db.range(call.prefix, send) });
      }
      case 'backup':
        await db.backup(call.path);
        return post({ call: id, kind: 'done' });
      case 'close':
        db.close();
        post({ call: id, kind: 'done' });
        return port?.close();
    }
  } catch (error) {
    post({ call: id, kind: 'failed', problem: problemOf(error) });
  }
}

const job = workerData as Job;
try {
  if (job.job === 'check') {
    checkBackup(job.path);
    post({ call: 0, kind: 'done' });
  } else {
    const db = new Database(job.path);
    port.on('message', (call: Call) => void answer(db, call));
    post({ kind: 'opened', opened: db.opened });
  }
} catch (error) {
  post({ kind: 'refused', problem: problemOf(error) });
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ERRORS, SdmError, type ErrorCode } from '../../common/errors.js';
import { projectDir } from '../../common/paths.js';
import { deferred, type Deferred } from './deferred.js';
import type { Call, Job, Opened, Outcome, Problem, Reply, Request, Row } from './protocol.js';

/** Beside this module; from the sources, and from a bundle, what the compiler made. */
function workerFile(): URL {
  const beside = new URL('./worker.js', import.meta.url);
  if (existsSync(fileURLToPath(beside))) return beside;
  return pathToFileURL(join(projectDir(), 'dist/src/controller/store/worker.js'));
}

function isCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(ERRORS, code);
}

/** As an error of this thread: what SQLite says becomes SDM_STORE. */
export function errorOf({ code, message, details = {} }: Problem, doing: string): SdmError {
  return isCode(code)
    ? new SdmError(code, message, { details })
    : new SdmError('SDM_STORE', `${doing}: ${message}`, { details });
}

/** Of one call: how it ended, and what came before. */
export interface Answer {
  readonly outcomes: readonly Outcome[];
  readonly rows: readonly Row[];
  readonly revision: number;
}

interface Waiting {
  readonly doing: string;
  readonly rows: Row[][];
  readonly settled: Deferred<Answer>;
  readonly timer: NodeJS.Timeout;
}

/** The thread of a database, seen from the controller's. */
export class StoreThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #opened = deferred<Opened>();
  readonly #exited: Promise<void>;
  #calls = 0;
  #gone: SdmError | undefined;

  /** @param lost is told when the thread ended and nobody asked it to. */
  constructor(job: Job, lost: (error: SdmError) => void = () => {}) {
    this.#worker = new Worker(workerFile(), { workerData: job });
    this.#opened.promise.catch(() => {});
    this.#exited = new Promise((done) => {
      const end = (why: string): void => {
        this.#fail(new SdmError('SDM_STORE', `the thread of the store ended: ${why}`));
        if (this.#gone !== undefined) lost(this.#gone);
        done();
      };
      this.#worker.once('error', (error) => end(String(error)));
      this.#worker.once('exit', (code) => end(`exit code ${code}`));
    });
    this.#worker.on('message', (reply: Reply) => this.#take(reply));
  }

  /** @throws what the database was refused with. */
  opened(): Promise<Opened> {
    return this.#opened.promise;
  }

  /**
   * Rejects with SDM_TIMEOUT if there is no answer by then: the thread may be doing it still.
   * @param doing for messages: "writing /path".
   */
  call(request: Request, doing: string, deadlineMs: number): Promise<Answer> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const call = (this.#calls += 1);
    const settled = deferred<Answer>();
    const timer = setTimeout(() => {
      this.#waiting.delete(call);
      const message = `${doing} took longer than ${deadlineMs} ms; the disk does not answer`;
      settled.reject(new SdmError('SDM_TIMEOUT', message, { details: { deadlineMs } }));
    }, deadlineMs);
    this.#waiting.set(call, { doing, rows: [], settled, timer });
    this.#worker.postMessage({ ...request, call } satisfies Call);
    return settled.promise;
  }

  #take(reply: Reply): void {
    if (reply.kind === 'opened') return this.#opened.resolve(reply.opened);
    if (reply.kind === 'refused') {
      return this.#opened.reject(errorOf(reply.problem, 'the store cannot be opened'));
    }
    if (reply.call === 0) return this.#opened.resolve({ revision: 0, leases: [], schema: 0 });
    const waiting = this.#waiting.get(reply.call);
    if (waiting === undefined) return; // its deadline was before
    if (reply.kind === 'rows') return void waiting.rows.push(reply.rows as Row[]);
    clearTimeout(waiting.timer);
    this.#waiting.delete(reply.call);
    if (reply.kind === 'failed') {
      return waiting.settled.reject(errorOf(reply.problem, `${waiting.doing} failed`));
    }
    waiting.settled.resolve({
      outcomes: reply.kind === 'group' ? reply.outcomes : [],
      rows: waiting.rows.flat(),
      revision: reply.kind === 'end' ? reply.revision : 0,
    });
  }

  #fail(error: SdmError): void {
    this.#gone ??= error;
    this.#opened.reject(error);
    for (const { settled, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      settled.reject(error);
    }
    this.#waiting.clear();
  }

  /** Ends it where it stands. One that the kernel holds is not waited for longer than that. */
  async terminate(deadlineMs: number): Promise<void> {
    void this.#worker.terminate();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => (timer = setTimeout(done, deadlineMs)));
    await Promise.race([this.#exited, late]);
    clearTimeout(timer);
  }

  /** When it ended by itself. */
  ended(): Promise<void> {
    return this.#exited;
  }
}

import { SdmError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { Identity } from '../../common/server/identity.js';
import type { ControllerCore } from '../types.js';
import type { CommandOptions } from '../views.js';

export const IDEMPOTENCY_PREFIX = 'idempotency/';
/** How long a key is remembered, milliseconds. */
export const KEY_TTL_MS = 24 * 3_600_000;
const SWEEP_MS = 3_600_000;
/** After a key: none begins as another does, so that one is looked up without the others. */
const END = ' ';
/** Keys that one transaction of a sweep drops. */
const SWEEP_KEYS = 256;

/** A command as far as two that are the same have the same. */
export interface KeyedRequest {
  /** Of the header; undefined: the command is simply done. */
  readonly key: string | undefined;
  readonly who: Identity;
  /** Such as "POST /v1/platforms". */
  readonly command: string;
  /** Path parameters, query and body, as the schemas have read them. */
  readonly values: unknown;
}

export interface KeyedAnswer {
  readonly status: number;
  readonly body: unknown;
  /** Not sent: what `finish` needs beside it. */
  readonly memo?: unknown;
}

export interface Command<R> {
  /** Does it; what it is given goes to the core as it is. */
  run(options: CommandOptions): Promise<R>;
  answer(result: R): KeyedAnswer;
  /**
   * Before an answer is given again: sees to it that what was begun has come to its end, where the
   * core may only have begun it.
   */
  finish?(answer: KeyedAnswer): Promise<void>;
}

/** As it is stored, beside what the command made and in the same transaction. */
interface KeyRecord extends KeyedAnswer {
  readonly request: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

interface Running {
  readonly request: string;
  readonly answer: Promise<KeyedAnswer>;
}

/**
 * Has a command that is sent again under the same key done once, and answered alike. What is
 * remembered is what a command made: a refusal made nothing, and is asked anew.
 */
export class Idempotency {
  readonly #core: Pick<ControllerCore, 'store' | 'reconciled' | 'forget'>;
  readonly #log: Logger;
  readonly #running = new Map<string, Running>();
  #timer: NodeJS.Timeout | undefined;

  constructor(core: Pick<ControllerCore, 'store' | 'reconciled' | 'forget'>, log: Logger) {
    this.#core = core;
    this.#log = log;
  }

  /** @throws SDM_KEY_REUSED: the key stands for another request; else as the command. */
  async run<R>(request: KeyedRequest, command: Command<R>): Promise<KeyedAnswer> {
    if (request.key === undefined) return command.answer(await command.run({}));
    const storeKey = `${IDEMPOTENCY_PREFIX}${request.who.kind}:${request.who.name}/${request.key}${END}`;
    const text = canonical(request);
    const running = this.#running.get(storeKey);
    if (running !== undefined) {
      checkSame(request.key, text, running.request);
      return running.answer;
    }
    const answer = this.#once(storeKey, request.key, text, command);
    this.#running.set(storeKey, { request: text, answer });
    try {
      return await answer;
    } finally {
      this.#running.delete(storeKey);
    }
  }

  async #once<R>(
    storeKey: string,
    key: string,
    text: string,
    command: Command<R>,
  ): Promise<KeyedAnswer> {
    await this.#core.reconciled; // what an earlier run had begun is settled then
    const known = await this.#lookUp(storeKey);
    if (known !== undefined) {
      checkSame(key, text, known.request);
      await command.finish?.(known);
      return known;
    }
    const value = (result: unknown): string => {
      const record: KeyRecord = {
        request: text,
        at: Date.now(),
        ...command.answer(result as R),
      };
      return JSON.stringify(record);
    };
    return command.answer(await command.run({ remember: { key: storeKey, value } }));
  }

  async #lookUp(storeKey: string): Promise<KeyRecord | undefined> {
    const entries = await this.#core.store.range(storeKey);
    const entry = entries.find(({ key }) => key === storeKey);
    if (entry === undefined) return undefined;
    const record = JSON.parse(entry.value) as KeyRecord;
    return isOver(record) ? undefined : record;
  }

  /** Forgets keys when their time is over, again and again. */
  start(): void {
    const sweep = (): void => {
      this.sweep().catch((err: unknown) => this.#log.warn({ err }, 'old keys were not dropped'));
    };
    this.#timer ??= setInterval(sweep, SWEEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** @returns how many keys it dropped. */
  async sweep(): Promise<number> {
    const over = (await this.#core.store.range(IDEMPOTENCY_PREFIX)).filter(({ value }) =>
      isOver(JSON.parse(value) as KeyRecord),
    );
    for (let i = 0; i < over.length; i += SWEEP_KEYS) {
      await this.#core.forget(over.slice(i, i + SWEEP_KEYS).map(({ key }) => key));
    }
    return over.length;
  }
}

function isOver({ at }: KeyRecord): boolean {
  return at + KEY_TTL_MS < Date.now();
}

/** Requests of one text are the same, in whatever order their keys came. */
function canonical({ command, values }: KeyedRequest): string {
  return `${command} ${JSON.stringify(values, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )}`;
}

function checkSame(key: string, asked: string, before: string): void {
  if (asked === before) return;
  throw new SdmError(
    'SDM_KEY_REUSED',
    `idempotency-key "${key}" came first with ${before}, now with ${asked}: take a new key for a ` +
      'new request',
    { details: { key, first: before, now: asked } },
  );
}

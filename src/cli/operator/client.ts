import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { DEFAULT_ADDRESS } from '../../controller/defaults.js';
import { isBrickId, BRICK_ID_EXPECTED } from '../../controller/inventory/brick-id.js';
import { SdmError } from '../../common/errors.js';
import { HttpClient, type CallOptions } from '../../common/http-client.js';
import { integerArgument } from '../agent/client.js';

/** For commands that answer at once. */
const QUICK_MS = 30_000;
/** For commands that make hardware do something, seconds. */
const LONG_S = 300;
const RETRY_MS = 200;

export interface ClientOptions {
  readonly controller: string;
  readonly tokenFile?: string;
  readonly pki?: string;
  readonly json?: true;
}

export interface CommandOptions extends ClientOptions {
  readonly timeout: number;
  readonly idempotencyKey?: string;
}

/** Gives a command what all that talk to the controller have. */
export function speaksToController(command: Command): Command {
  return reaches(command).option('--json', 'print JSON for programs');
}

/** The same without `--json`. */
export function reaches(command: Command): Command {
  return command
    .addOption(
      new Option('--controller <address>', 'where the controller listens')
        .env('SDM_CONTROLLER')
        .default(DEFAULT_ADDRESS),
    )
    .addOption(new Option('--token-file <file>', 'who you are, to it').env('SDM_TOKEN_FILE'))
    .addOption(
      new Option('--pki <dir>', 'for https: whom to trust, and a certificate').env('SDM_PKI'),
    );
}

/** Gives a command what those have that change something. */
export function commandsController(command: Command): Command {
  return speaksToController(command)
    .addOption(
      new Option('--timeout <seconds>', 'how long to wait for the answer')
        .argParser(integerArgument(1, 86_400))
        .default(LONG_S),
    )
    .option(
      '--idempotency-key <key>',
      'with the same key again it is done once; default: a new one',
    );
}

/** Does something with a client, and closes it. */
export async function withClient<T>(
  { controller, tokenFile, pki }: ClientOptions,
  work: (client: HttpClient) => Promise<T>,
): Promise<T> {
  const token = tokenFile === undefined ? undefined : await readToken(tokenFile);
  const client = new HttpClient(controller, {
    expect: { role: 'controller' },
    timeoutMs: QUICK_MS,
    ...(token === undefined ? {} : { token }),
    ...(pki === undefined ? {} : { pki }),
  });
  try {
    return await work(client);
  } catch (error) {
    throw withHint(error);
  } finally {
    client.close();
  }
}

/** Asks the controller once. @throws SdmError the controller's own, or SDM_UNREACHABLE. */
export function ask(
  options: ClientOptions,
  path: string,
  call: CallOptions = {},
): Promise<unknown> {
  return withClient(options, (client) => client.call('GET', path, call));
}

/** A question that comes as a POST, and changes nothing. */
export function askAbout(options: ClientOptions, path: string, body: unknown): Promise<unknown> {
  return withClient(options, (client) => client.call('POST', path, { body }));
}

/**
 * Commands the controller: once, whatever happens to the connection, since what comes again has the
 * same key. @throws SdmError SDM_CANCELLED at Ctrl-C: the controller goes on.
 */
export function command(
  options: CommandOptions,
  method: 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<unknown> {
  const key = options.idempotencyKey ?? randomUUID();
  const deadline = performance.now() + options.timeout * 1000;
  return withClient(options, (client) =>
    interruptible(async (signal) => {
      let sent = false;
      for (;;) {
        const timeoutMs = Math.max(1, Math.ceil(deadline - performance.now()));
        const headers = { 'idempotency-key': key };
        try {
          return await client.call(method, path, {
            ...{ headers, timeoutMs, signal },
            ...(body === undefined ? {} : { body }),
          });
        } catch (error) {
          sent ||= wasSent(error);
          if (!passes(error, sent) || performance.now() + RETRY_MS > deadline) throw error;
        }
        await delay(RETRY_MS, undefined, { signal });
      }
    }),
  );
}

/** Whether the controller may have heard of it before it went away. */
function wasSent(error: unknown): boolean {
  const errno = error instanceof SdmError ? error.details?.['errno'] : undefined;
  return errno === 'ECONNRESET' || errno === 'EPIPE';
}

function passes(error: unknown, sent: boolean): boolean {
  if (!(error instanceof SdmError)) return false;
  return sent && (error.code === 'SDM_UNREACHABLE' || error.code === 'SDM_STOPPING');
}

async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const cancel = (signal: NodeJS.Signals): void => {
    const message =
      `no longer waiting, by ${signal}; the controller goes on with it: ` +
      '`sdm platform list` shows what comes of it';
    stop.abort(new SdmError('SDM_CANCELLED', message));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, cancel);
  try {
    return await work(stop.signal);
  } catch (error) {
    // what a call says of an abort differs with the moment
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    for (const signal of signals) process.off(signal, cancel);
  }
}

/** What the transport says is of sockets in general: here the option has another name. */
export function withHint(error: unknown): unknown {
  if (!(error instanceof SdmError) || error.code !== 'SDM_UNREACHABLE') return error;
  const message = error.message.replace(/--socket\b/g, '--controller or SDM_CONTROLLER');
  const options = error.details === undefined ? {} : { details: error.details };
  return new SdmError(error.code, message, { ...options, cause: error });
}

/** @throws SdmError SDM_INPUT for a file that cannot be read, or holds no token. */
async function readToken(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const message = `cannot read the token in ${path} (${cause.code}); see --token-file, SDM_TOKEN_FILE`;
    throw new SdmError('SDM_INPUT', message, { cause });
  });
  const token = text.trim();
  if (/^[\x21-\x7e]{1,512}$/.test(token)) return token;
  throw new SdmError(
    'SDM_INPUT',
    `${path} holds no token; expected one line, as sdm pki token gave it`,
  );
}

/** An argument parser for brick ids. */
export function brickArgument(text: string): string {
  if (isBrickId(text)) return text;
  throw new InvalidArgumentError(`Expected ${BRICK_ID_EXPECTED}.`);
}

export const platformArgument = integerArgument(1, Number.MAX_SAFE_INTEGER);
/** The same for a list of them. */
export const platformsArgument = (text: string, before: number[] = []): number[] => [
  ...before,
  platformArgument(text),
];
export const bricksArgument = (text: string, before: string[] = []): string[] => [
  ...before,
  brickArgument(text),
];

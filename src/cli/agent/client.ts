import { InvalidArgumentError, Option, type Command } from 'commander';
import { ID_EXPECTED, ID_PATTERN } from '../../agent/attachment-id.js';
import { DEFAULT_SOCKET } from '../../agent/defaults.js';
import { SdmError } from '../../common/errors.js';
import { call, type UnixRequest } from '../../common/http.js';
import { hex, parseHex, parseInteger, parseSize } from '../../common/units.js';

/** For commands that answer at once. */
const QUICK_MS = 30_000;

export interface ClientOptions {
  readonly socket: string;
  readonly json?: true;
}

export function socketOption(): Option {
  return new Option('--socket <path>', 'socket of the agent')
    .env('SDM_AGENT_SOCKET')
    .default(DEFAULT_SOCKET);
}

/** Gives a command what all that talk to the agent have. */
export function speaksToAgent(command: Command): Command {
  return command.addOption(socketOption()).option('--json', 'print JSON for programs');
}

/** Asks the agent. @throws SdmError: the agent's own refusal, or SDM_UNREACHABLE. */
export function ask(
  options: ClientOptions,
  request: Omit<UnixRequest, 'socketPath'>,
): Promise<unknown> {
  return call({ timeoutMs: QUICK_MS, ...request, socketPath: options.socket });
}

/** `?a=b` of what is defined; empty if nothing is. */
export function query(values: Record<string, string | number | boolean | undefined>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined) params.set(key, String(value));
  }
  return params.size === 0 ? '' : `?${params.toString()}`;
}

/** Turns a parser's refusal into a usage error, so that it ends with exit code 2. */
function usage<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const expected = error instanceof SdmError ? error.details?.['expected'] : undefined;
    throw new InvalidArgumentError(`Expected ${String(expected)}.`);
  }
}

/** An argument parser for sizes: 1G, 256MiB, 0x…; gives "0x…". */
export const sizeArgument = (text: string): string => usage(() => hex(parseSize(text, 'it')));

/** An argument parser for addresses, "0x…" only; gives "0x…". */
export const addressArgument = (text: string): string => usage(() => hex(parseHex(text, 'it')));

/** An argument parser for 64-bit ids, decimal or "0x…"; gives "0x…". */
export const idArgument = (text: string): string =>
  usage(() => hex(text.startsWith('0x') ? parseHex(text, 'it') : BigInt(parseInteger(text, 'it'))));

/** An argument parser for ids of attachments. */
export function attachmentIdArgument(text: string): string {
  if (!new RegExp(ID_PATTERN).test(text)) {
    throw new InvalidArgumentError(`Expected ${ID_EXPECTED}.`);
  }
  return text;
}

/** An argument parser for whole numbers from `min` to `max`. */
export const integerArgument =
  (min: number, max: number) =>
  (text: string): number =>
    usage(() => parseInteger(text, 'it', min, max));

import { encodeOffset } from '../offset.js';
import { NUMBER_LIMIT } from './limits.js';
import { hex } from '../numbers.js';
import type { AddSegment, Command, RemoveSegment } from './types.js';

/** A command as JSON: numbers as the document has them, hex strings for those above 2^53 - 1. */
export interface JsonCommand {
  readonly action: string;
  readonly segments: readonly JsonSegment[];
  readonly cIP?: string;
}
export interface JsonSegment {
  readonly endA: number | string;
  readonly net?: number | string;
  readonly startA: number | string;
  readonly offset?: number | string;
}

/** @throws SDM_INPUT for a remote address to which no OFFSET leads: 2^63 bytes away or more. */
export function encodeCommand({ action, segments, cIP }: Command): JsonCommand {
  const all: readonly (AddSegment | RemoveSegment)[] = segments;
  return { action, segments: all.map(encodeSegment), ...(cIP === undefined ? {} : { cIP }) };
}

function encodeSegment({ start, end, remote, net }: AddSegment | RemoveSegment): JsonSegment {
  return {
    endA: encodeNumber(end),
    ...(net === undefined ? {} : { net: encodeNumber(net) }),
    startA: encodeNumber(start),
    // An offset that subtracts has bit 63, and is a hex string for it.
    ...(remote === undefined ? {} : { offset: encodeNumber(encodeOffset(start, remote)) }),
  };
}

function encodeNumber(value: bigint): number | string {
  return value <= NUMBER_LIMIT ? Number(value) : hex(value);
}

/** A command on one line: JSON, or in single quotes as the document prints it. */
export function printCommand(command: Command, form: 'json' | 'python'): string {
  const json = encodeCommand(command);
  return form === 'json' ? JSON.stringify(json) : printPython(json);
}

type Printable = string | number | object;

function printPython(value: Printable): string {
  if (typeof value === 'string') return printString(value);
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `[${value.map(printPython).join(', ')}]`;
  const entries = Object.entries(value) as [string, Printable][];
  return `{${entries.map(([key, one]) => `${printString(key)}: ${printPython(one)}`).join(', ')}}`;
}

/** As Python's repr() does, but for quotes: always single ones. */
function printString(text: string): string {
  const escaped = text.replaceAll(/['\\\p{C}\p{Z}]/gu, (character) => {
    if (character === ' ') return character;
    if (character === "'" || character === '\\') return `\\${character}`;
    const code = character.codePointAt(0)!;
    if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
    if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`;
    return `\\U${code.toString(16).padStart(8, '0')}`;
  });
  return `'${escaped}'`;
}

import { crc32 } from 'node:zlib';
import { show } from '../../common/schema-errors.js';
import type { JournalEntry } from '../attachments/journal.js';
import { CodecError, decodeEntry } from './codec.js';

/**
 * The file is text, to be read by people too:
 *
 *     sdm-journal 1 NEXT SAFE CRC
 *     CRC SEQ SAFE JSON
 *
 * SEQ counts entries up by one; NEXT is that of the first line. SAFE is the last entry of which it was
 * known, when the line was written, that it would survive a power loss: by it a reader tells a tail
 * that was never finished from a damaged entry on which something was built. CRC is CRC-32 of what
 * follows it in its line (in the header: of what precedes it).
 */
export const FORMAT = 1;
const NAME = 'sdm-journal';
const HEADER = new RegExp(`^${NAME} ([0-9]{1,15})(?: ([0-9]{1,15}) ([0-9]{1,15}) ([0-9a-f]{8}))?`);
const LINE = /^([0-9a-f]{8}) ([0-9]{1,15}) ([0-9]{1,15}) /;
const NEWLINE = 0x0a;
/** Longest that stands before the JSON. */
const PREFIX = 48;
const CRC_LENGTH = 9;

/** The first line of a file whose first entry is to be `next`, and which holds all up to `safe`. */
export function formatHeader(next: number, safe: number): string {
  const text = `${NAME} ${FORMAT} ${next} ${safe}`;
  return `${text} ${checksum(text)}\n`;
}

export function formatLine(seq: number, safe: number, json: string): string {
  const text = `${seq} ${safe} ${json}`;
  return `${checksum(text)} ${text}\n`;
}

export interface LogLine<E = JournalEntry> {
  /** As an editor counts: the header is line 1. */
  readonly line: number;
  readonly offset: number;
  readonly seq: number;
  readonly safe: number;
  readonly entry: E;
}

/**
 * `torn`: a tail that was not safe yet, to be dropped. `lost`: what was safe is damaged. `unknown`:
 * whole, but no entry that this version knows. `header`: not a journal, or its first line is damaged.
 * `version`: of another format.
 */
export type DamageKind = 'torn' | 'lost' | 'unknown' | 'header' | 'version';

/** Where reading ended before the end of the file. */
export interface Damage {
  readonly kind: DamageKind;
  readonly line: number;
  readonly offset: number;
  /** From there to the end of the file. */
  readonly bytes: number;
  /** What is wrong with the line, as a sentence goes on after "line 7". */
  readonly why: string;
}

export interface LogContents<E = JournalEntry> {
  readonly lines: readonly LogLine<E>[];
  /** Sequence number of the next entry. */
  readonly next: number;
  /** Up to here, in bytes, the file is whole. */
  readonly end: number;
  readonly damage: Damage | undefined;
}

/** Reads an agent's as far as it is whole; says what is wrong after that, and throws nothing. */
export function readLog(bytes: Buffer): LogContents {
  return readLogOf(bytes, decodeEntry);
}

/** The same, for a journal of any kind. */
export function readLogOf<E>(bytes: Buffer, decode: (text: string) => E): LogContents<E> {
  const header = readHeader(bytes);
  if ('kind' in header) return { lines: [], next: 1, end: 0, damage: header };
  let { next, end, safe } = header;
  const lines: LogLine<E>[] = [];
  const until = (kind?: DamageKind, why = ''): LogContents<E> => {
    const at = { line: lines.length + 2, offset: end, bytes: bytes.length - end };
    return { lines, next, end, damage: kind === undefined ? undefined : { kind, ...at, why } };
  };
  while (end < bytes.length) {
    const found = readLine(bytes, end);
    if (typeof found === 'string' || found.seq !== next) {
      const other = (seq: number): string => `is entry ${seq} where entry ${next} was expected`;
      const why = typeof found === 'string' ? found : other(found.seq);
      return until(provenSafe(bytes, end, safe) >= next ? 'lost' : 'torn', why);
    }
    try {
      const entry = decode(found.json);
      lines.push({ line: lines.length + 2, offset: end, seq: next, safe: found.safe, entry });
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return until('unknown', `is whole, but not understood: ${error.message}`);
    }
    safe = Math.max(safe, found.safe);
    next += 1;
    end = found.end;
  }
  return safe >= next ? until('lost', `is missing: the file held entries up to ${safe}`) : until();
}

interface Header {
  readonly next: number;
  readonly safe: number;
  readonly end: number;
}

function readHeader(bytes: Buffer): Header | Damage {
  const damage = (kind: DamageKind, why: string): Damage => {
    return { kind, line: 1, offset: 0, bytes: bytes.length, why };
  };
  if (bytes.length === 0) return damage('header', 'is missing: the file is empty');
  const end = bytes.indexOf(NEWLINE) + 1;
  const text = bytes.toString('latin1', 0, end === 0 ? Math.min(bytes.length, 80) : end - 1);
  const match = HEADER.exec(text);
  if (match === null) {
    return damage('header', `is no header of a journal: it reads ${show(text.slice(0, 40))}`);
  }
  const [whole, format, next, safe, crc] = match;
  if (Number(format) !== FORMAT) return damage('version', `says format ${format}`);
  if (end === 0 || whole !== text || crc !== checksum(text.slice(0, -CRC_LENGTH))) {
    return damage('header', 'is a header whose checksum does not match');
  }
  return { next: Number(next), safe: Number(safe), end };
}

interface RawLine {
  readonly seq: number;
  readonly safe: number;
  readonly json: string;
  /** Offset of what follows its newline. */
  readonly end: number;
}

/** @returns what is wrong with it, where it is not whole. */
function readLine(bytes: Buffer, start: number): RawLine | string {
  const newline = bytes.indexOf(NEWLINE, start);
  if (newline < 0) return 'has no end';
  const match = LINE.exec(bytes.toString('latin1', start, Math.min(newline, start + PREFIX)));
  if (match === null) return 'has not the form of an entry';
  const [prefix, crc, seq, safe] = match;
  if (crc !== checksum(bytes.subarray(start + CRC_LENGTH, newline))) {
    return 'has a checksum that does not match';
  }
  const json = bytes.toString('utf8', start + prefix.length, newline);
  return { seq: Number(seq), safe: Number(safe), json, end: newline + 1 };
}

/** The highest entry that a whole line after `start` knows to have been safe; at least `known`. */
function provenSafe(bytes: Buffer, start: number, known: number): number {
  let safe = known;
  for (let at = bytes.indexOf(NEWLINE, start) + 1; at > 0 && at < bytes.length;) {
    const found = readLine(bytes, at);
    if (typeof found !== 'string') safe = Math.max(safe, found.safe);
    at = bytes.indexOf(NEWLINE, at) + 1;
  }
  return safe;
}

function checksum(data: string | Uint8Array): string {
  return crc32(data).toString(16).padStart(8, '0');
}

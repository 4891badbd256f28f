import { readFileSync } from 'node:fs';
import * as constants from '../../src/abi/constants.js';

/** Every number of the ABI, by the name that memport.h has for it. */
export type Numbers = Map<string, bigint>;

const ROOT = new URL('../../', import.meta.url);

export function readText(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

/** The #defines of memport.h. @throws Error for a line that is neither comment, guard nor number. */
export function parseHeader(text: string): Numbers {
  const bare = text.replace(/\/\*[\s\S]*?\*\//g, '');
  const numbers: Numbers = new Map();
  for (const line of bare.split('\n').map((l) => l.trim())) {
    if (line === '' || /^#(ifndef|endif)\b/.test(line) || line === '#define SDM_ABI_MEMPORT_H') {
      continue;
    }
    const match = /^#define\s+(SDM_[A-Z0-9_]+)\s+(0x[0-9a-f]+|[0-9]+)$/.exec(line);
    if (match === null) throw new Error(`memport.h holds a line that is no number: ${line}`);
    put(numbers, match[1]!, BigInt(match[2]!));
  }
  return numbers;
}

function put(numbers: Numbers, name: string, value: bigint): void {
  if (numbers.has(name)) throw new Error(`${name} is defined twice`);
  numbers.set(name, value);
}

/** Groups of constants.ts and the prefix that memport.h gives their members. */
const GROUPS = new Map<string, string>([
  ['REG', 'SDM_REG_'],
  ['INT', 'SDM_INT_'],
  ['REQUEST', 'SDM_REQUEST_'],
  ['ANSWER', 'SDM_ANSWER_'],
  ['CALL', 'SDM_CALL_'],
  ['REPLY', 'SDM_REPLY_'],
  ['FEATURE', 'SDM_FEATURE_'],
  ['MEMPORT', 'SDM_MEMPORT_'],
  ['STATUS', 'SDM_STATUS_'],
]);

/** All exports of constants.ts under the names of memport.h. */
export function parseConstants(): Numbers {
  const numbers: Numbers = new Map();
  for (const [name, value] of Object.entries(constants)) {
    const prefix = GROUPS.get(name);
    if (typeof value === 'number') {
      put(numbers, `SDM_${name}`, BigInt(value));
    } else if (prefix !== undefined) {
      for (const [member, number] of Object.entries(value)) {
        put(numbers, prefix + member, BigInt(number));
      }
    } else {
      throw new Error(`constants.ts exports ${name}, which this test does not know`);
    }
  }
  return numbers;
}

/** Rows of the first table under a heading, cells trimmed and without backquotes. */
export function tableUnder(markdown: string, heading: string): string[][] {
  const from = markdown.indexOf(`\n${heading}\n`);
  if (from < 0) throw new Error(`no heading "${heading}"`);
  const lines = markdown.slice(from + heading.length + 2).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const next = lines.findIndex((line) => line.startsWith('#'));
  if (first < 0 || (next >= 0 && next < first)) throw new Error(`no table under "${heading}"`);
  const end = lines.findIndex((line, i) => i > first && !line.startsWith('|'));
  return lines
    .slice(first + 2, end < 0 ? undefined : end)
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll('`', '')));
}

/** The pages that the ABI is written in. */
export interface Pages {
  /** docs/memport-abi.md */
  readonly abi: string;
  /** docs/mailbox.md */
  readonly mailbox: string;
}

/** All numbers in the tables of both pages under the names of memport.h. */
export function parseDocument({ abi, mailbox }: Pages): Numbers {
  const numbers: Numbers = new Map();
  const add = (page: string, heading: string, prefix: string, [name, value] = [1, 0]): void => {
    for (const row of tableUnder(page, heading)) {
      put(numbers, prefix + row[name]!, BigInt(row[value]!));
    }
  };
  add(abi, '## Block registers', 'SDM_REG_');
  add(abi, '### FEATURES', 'SDM_FEATURE_');
  add(abi, '### Limits', '', [0, 1]);
  add(abi, '## Memport registers', 'SDM_MEMPORT_');
  add(abi, '## STATUS, and what to do about it', 'SDM_STATUS_');
  add(abi, '## Interrupts', 'SDM_INT_');
  add(mailbox, '### What the guest asks', 'SDM_REG_');
  add(mailbox, '### What the hypervisor asks', 'SDM_REG_');
  add(mailbox, '### REQUEST_COMMAND', 'SDM_REQUEST_');
  add(mailbox, '### ANSWER_CODE, and what to do about it', 'SDM_ANSWER_');
  add(mailbox, '### CALL_COMMAND', 'SDM_CALL_');
  add(mailbox, '### REPLY_CODE', 'SDM_REPLY_');
  return numbers;
}

/** What differs between two sources, in words; empty if they agree. */
export function differences(a: Numbers, b: Numbers, nameA: string, nameB: string): string[] {
  const names = new Set([...a.keys(), ...b.keys()]);
  const show = (value: bigint | undefined): string =>
    value === undefined ? 'missing' : `0x${value.toString(16)}`;
  return [...names]
    .filter((name) => a.get(name) !== b.get(name))
    .map((name) => `${name}: ${show(a.get(name))} in ${nameA}, ${show(b.get(name))} in ${nameB}`);
}

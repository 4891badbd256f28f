/** Answers of D4.4's API: the status is in the body, under both names that the document has for it. */
import type { ErrorCode } from '../../common/errors.js';
import { MESSAGES, type MessageName, type Method, type Result, type ResultName } from './api.js';

/** 0 is good, 1 is an error; the document knows no other. */
export type Status = 0 | 1;

export interface Answer {
  readonly Status: Status;
  readonly StatusNo: Status;
  readonly Message: string;
  /** Of a refusal: the same as Message. */
  readonly ErrorMessage?: string;
  readonly [result: string]: unknown;
}

/** @param values results of the method by name; those that are optional may be missing. */
export function goodAnswer(
  method: Method,
  values: Readonly<Partial<Record<ResultName, number | string>>>,
): Answer {
  const results: Record<string, unknown> = {};
  for (const { name, also } of method.results as readonly Result[]) {
    const value = values[name];
    if (value === undefined) continue;
    results[name] = value;
    if (also !== undefined) results[also] = value;
  }
  return { Status: 0, StatusNo: 0, Message: MESSAGES.good, ...results };
}

/** @param more what programs of ours read beside it: code, details. */
export function badAnswer(message: string, more: Readonly<Record<string, unknown>> = {}): Answer {
  return { Status: 1, StatusNo: 1, Message: message, ErrorMessage: message, ...more };
}

/** The document's words for a refusal; undefined: it has none. */
export function messageFor(method: Method, code: ErrorCode): string | undefined {
  const name: MessageName | undefined = method.refusals[code];
  return name === undefined ? undefined : MESSAGES[name];
}

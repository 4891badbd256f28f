import type { ErrorObject } from 'ajv';
import { ERRORS, type ErrorCode } from '../errors.js';
import { explain, show } from '../schema-errors.js';
import { toJson } from '../json.js';

export interface ErrorAnswer {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Record<string, unknown>;
}

/** What fastify puts on the errors that it makes itself. */
interface FastifyFields {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly details?: unknown;
  readonly errno?: unknown;
  readonly errnoName?: unknown;
  readonly validation?: readonly ErrorObject[];
  readonly validationContext?: string;
}

const FROM_FASTIFY: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['SDM_TOO_LARGE', 'the body is longer than this daemon reads'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'SDM_MEDIA_TYPE',
    'the body has a content type that is not application/json',
  ],
};

/** Where a value of a request stands, by fastify's name for it. */
const PLACES: Readonly<Record<string, string>> = {
  body: 'body',
  params: 'path',
  querystring: 'query',
  headers: 'headers',
};

/**
 * Any error as the one form of answer that is no success. What is not in the table of errors is a
 * defect of ours: its text stays in the log.
 */
export function toAnswer(error: unknown): ErrorAnswer {
  const fields = (typeof error === 'object' && error !== null ? error : {}) as FastifyFields;
  const message = error instanceof Error ? error.message : String(error);

  if (typeof fields.code === 'string' && Object.hasOwn(ERRORS, fields.code)) {
    return answer(fields.code as ErrorCode, message, detailsOf(fields));
  }
  if (fields.validation !== undefined) {
    const place = PLACES[fields.validationContext ?? ''] ?? 'request';
    const { key, expected, found } = explain(fields.validation);
    const where = key === '' ? place : key.startsWith('[') ? place + key : `${place}.${key}`;
    return answer('SDM_INPUT', `${where}: expected ${expected}, found ${show(found)}`, {
      key: where,
      expected,
      found: found ?? null,
    });
  }
  if (typeof fields.code === 'string' && Object.hasOwn(FROM_FASTIFY, fields.code)) {
    const [code, sentence] = FROM_FASTIFY[fields.code]!;
    return answer(code, sentence);
  }
  if (
    typeof fields.statusCode === 'number' &&
    fields.statusCode >= 400 &&
    fields.statusCode < 500
  ) {
    return answer('SDM_INPUT', `the request cannot be read: ${message}`);
  }
  return answer('SDM_INTERNAL', "this is a defect in SDM; the daemon's log says more");
}

export function statusOf(code: ErrorCode): number {
  return ERRORS[code].status;
}

/** Errors of the addon carry errno beside `.code`; ours carry details. */
function detailsOf(fields: FastifyFields): Record<string, unknown> | undefined {
  if (typeof fields.details === 'object' && fields.details !== null) {
    return toJson(fields.details) as Record<string, unknown>;
  }
  if (typeof fields.errnoName === 'string') {
    return { errno: fields.errno, errnoName: fields.errnoName };
  }
  return undefined;
}

function answer(code: ErrorCode, message: string, details?: Record<string, unknown>): ErrorAnswer {
  return details === undefined ? { code, message } : { code, message, details };
}

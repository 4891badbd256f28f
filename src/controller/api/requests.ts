/** From what the schemas let through to what the core takes. */
import { SdmError } from '../../common/errors.js';
import { hex, parseSize } from '../../common/units.js';
import type { AllocateRequest, GrowRequest, PlanRequest, ShrinkRequest } from '../views.js';
import type { AllocateBody, GrowBody, ShrinkQuery } from './schemas/platforms.js';
import type { PlanBody } from './schemas/plans.js';

type Sizes = Partial<Record<'memory' | 'localMemory' | 'remoteMemory' | 'size', string>>;

/** "1GiB" as "0x40000000", at the keys that have sizes. @throws SDM_INPUT: more than 64 bits. */
function inBytes<T extends Sizes>(body: T, at: string): T {
  const sizes: Record<string, string> = {};
  for (const key of ['memory', 'localMemory', 'remoteMemory', 'size'] as const) {
    const text = body[key];
    if (text !== undefined) sizes[key] = hex(parseSize(text, `${at}.${key}`));
  }
  return { ...body, ...sizes };
}

/** @throws SDM_INPUT for `memory` beside its parts. */
export function allocateRequest(body: AllocateBody): AllocateRequest {
  const part = body.localMemory !== undefined ? 'localMemory' : 'remoteMemory';
  if (body.memory !== undefined && body[part] !== undefined) {
    throw refuse(part, 'nothing beside memory, which is both', body[part]);
  }
  return inBytes(body, 'body');
}

export function growRequest(body: GrowBody): GrowRequest {
  return inBytes(body, 'body');
}

/** @throws SDM_INPUT for both at once. */
export function shrinkRequest(query: ShrinkQuery): ShrinkRequest {
  if (query.size !== undefined && query.attachment !== undefined) {
    throw refuse('attachment', 'nothing beside size', query.attachment, 'query');
  }
  return inBytes(query, 'query');
}

const OF_GROWTH = new Set(['platform', 'size', 'pathUtil', 'policy', 'migrateOK']);

/** @throws SDM_INPUT where keys of a new platform and of a growth are mixed, or one is missing. */
export function planRequest(body: PlanBody): PlanRequest {
  const { platform, cores, size, migrateOK, ...rest } = body;
  if (platform === undefined) {
    if (size !== undefined) throw refuse('size', 'platform beside it, or remoteMemory', size);
    if (migrateOK !== undefined) throw refuse('migrateOK', 'platform beside it', migrateOK);
    if (cores === undefined) throw refuse('cores', 'a value, or platform', undefined);
    return allocateRequest({ cores, ...rest });
  }
  const other = Object.keys(body).find((key) => !OF_GROWTH.has(key));
  if (other !== undefined) {
    throw refuse(other, 'nothing beside platform, which is there', body[other as keyof PlanBody]);
  }
  if (size === undefined) throw refuse('size', 'a value beside platform', undefined);
  const { pathUtil, policy } = rest;
  return {
    platform,
    ...growRequest({
      size,
      ...(pathUtil === undefined ? {} : { pathUtil }),
      ...(policy === undefined ? {} : { policy }),
      ...(migrateOK === undefined ? {} : { migrateOK }),
    }),
  };
}

function refuse(key: string, expected: string, found: unknown, place = 'body'): SdmError {
  const at = `${place}.${key}`;
  const shown = found === undefined ? 'nothing' : JSON.stringify(found);
  return new SdmError('SDM_INPUT', `${at}: expected ${expected}, found ${shown}`, {
    details: { key: at, expected, found: found ?? null },
  });
}

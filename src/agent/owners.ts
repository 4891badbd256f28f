import { SdmError } from '../common/errors.js';
import { LOCAL, type Caller } from './types.js';

/** @throws SDM_INPUT for a caller that cannot be. */
export function checkCaller({ owner, epoch }: Caller): void {
  const local = owner === LOCAL.owner;
  if (owner !== '' && local === (epoch === undefined)) return;
  throw new SdmError(
    'SDM_INPUT',
    local
      ? `the owner "${owner}" has no epoch, and ${epoch} is given: a controller has another name`
      : `controller "${owner}" gives ${epoch === undefined ? 'no epoch' : 'no name'}: it gives both`,
    { details: { owner } },
  );
}

/** Whether what has this owner is a controller's. */
export function isControllers(owner: string): boolean {
  return owner !== LOCAL.owner;
}

/**
 * Whether a caller may command what `owner` has. Whoever holds the term commands, and owns from
 * then on, what controllers before it had; people and controllers keep out of each other's way.
 */
export function mayCommand(owner: string, caller: Caller): boolean {
  return owner === caller.owner || (owner !== LOCAL.owner && caller.owner !== LOCAL.owner);
}

/** Whose it is after the caller has commanded it. */
export function nextOwner(owner: string, caller: Caller): string {
  return mayCommand(owner, caller) ? caller.owner : owner;
}

/** @param what such as "attachment a1". @throws SDM_NOT_OWNER. */
export function checkOwner(
  what: string,
  owner: string,
  caller: Caller,
  details: Record<string, unknown>,
): void {
  if (mayCommand(owner, caller)) return;
  throw new SdmError(
    'SDM_NOT_OWNER',
    `${what} belongs to ${owner}, and ${caller.owner} asks: override to command it anyway`,
    { details: { ...details, owner } },
  );
}

import { Type, type Static } from 'typebox';
import { SdmError } from '../../common/errors.js';
import type { Identity } from '../../common/server/identity.js';
import { LOCAL, type Caller } from '../types.js';

/** Terms are stored in 63 bits, so that languages without unsigned numbers can hold them. */
const EPOCH_MAX = (1n << 63n) - 1n;
const EPOCH_EXPECTED = 'a whole number, decimal or 0x, up to 0x7fffffffffffffff';

/** Who commands. Both headers or neither; every route that changes something takes them. */
export const CallerHeaders = Type.Object({
  'sdm-controller': Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
      expected: '1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit',
      description: 'name of the controller that commands; without it: local',
    }),
  ),
  'sdm-epoch': Type.Optional(
    Type.String({
      pattern: '^([0-9]{1,19}|0x[0-9a-fA-F]{1,16})$',
      expected: EPOCH_EXPECTED,
      description: "the controller's term, decimal or 0x",
    }),
  ),
});
export type CallerHeaders = Static<typeof CallerHeaders>;

/**
 * Who sent a request. The schema has checked the form of each header.
 * @param identity what the connection proves: a controller that comes by TLS is who its certificate
 * says, and nobody else is one.
 * @param byHand whether a controller may also pass on what a person commands: without its name it is
 * nobody's but the brick's own.
 * @throws SDM_INPUT for one header without the other, a term that is too large, and the name that
 * stands for the person at the socket; SDM_FORBIDDEN for another's name.
 */
export function callerOf(headers: CallerHeaders, identity: Identity, byHand = false): Caller {
  const { 'sdm-controller': owner, 'sdm-epoch': text } = headers;
  const passedOn = byHand && identity.role === 'controller' && owner === undefined;
  if (!passedOn) checkName(owner, identity);
  if (owner === undefined && text === undefined) return LOCAL;
  if (owner === undefined) throw refuse('sdm-controller', 'a value beside sdm-epoch', owner);
  if (text === undefined) throw refuse('sdm-epoch', 'a value beside sdm-controller', text);
  if (owner === LOCAL.owner) {
    throw refuse('sdm-controller', `another name than "${owner}", which is no controller's`, owner);
  }
  const epoch = BigInt(text);
  if (epoch > EPOCH_MAX) throw refuse('sdm-epoch', EPOCH_EXPECTED, text);
  return { owner, epoch };
}

/** Only who may use the socket is taken at their word. @throws SDM_FORBIDDEN. */
function checkName(owner: string | undefined, { role, name }: Identity): void {
  const proven = role === 'controller' ? name : undefined;
  if (role === 'local' || owner === proven) return;
  const show = (value: string | undefined): string =>
    value === undefined ? 'nothing' : `"${value}"`;
  throw new SdmError(
    'SDM_FORBIDDEN',
    `headers.sdm-controller: expected ${show(proven)} of a caller that is known as ${role} ` +
      `"${name}", found ${show(owner)}`,
    { details: { role, name, found: owner ?? null } },
  );
}

function refuse(name: string, expected: string, found: string | undefined): SdmError {
  const key = `headers.${name}`;
  const shown = found === undefined ? 'nothing' : `"${found}"`;
  return new SdmError('SDM_INPUT', `${key}: expected ${expected}, found ${shown}`, {
    details: { key, expected, found: found ?? null },
  });
}

import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { SdmError } from '../../common/errors.js';

/** Whoever asks a machine itself may say so, whatever its interfaces are. */
const LOOPBACK = ['127.0.0.1', '::1'] as const;

/**
 * Refuses a command that names another brick.
 * @param cIP address that it names.
 * @param configured addresses of this brick; undefined: those of its interfaces as they are now.
 * @throws SDM_OTHER_BRICK.
 */
export function checkOwnAddress(
  brick: string,
  cIP: string,
  configured: readonly string[] | undefined,
): void {
  const own = configured ?? interfaceAddresses();
  if (own.some((address) => canonical(address) === canonical(cIP))) return;
  const addresses = own.length === 0 ? 'no address' : own.join(', ');
  throw new SdmError(
    'SDM_OTHER_BRICK',
    `the command is for the brick at ${JSON.stringify(cIP)} (cIP), and this one is "${brick}" at ` +
      `${addresses}: send it to the other one, or name this address in "addresses" of the ` +
      'configuration',
    { details: { cIP, brick, addresses: own } },
  );
}

function interfaceAddresses(): readonly string[] {
  const found = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return [...new Set([...LOOPBACK, ...found.map(({ address }) => address)])];
}

/** One way to write an address: IPv6 has many. What is no address stays as it is. */
function canonical(address: string): string {
  const [bare = ''] = address.toLowerCase().split('%'); // a zone names an interface of this machine
  return isIPv6(bare) ? new URL(`http://[${bare}]/`).hostname : bare;
}

import { HttpClient, type Expected } from '../common/http-client.js';
import type { Rack } from './rack.js';
import type { OpenTransport } from './synthesizer/transport.js';

/** Connections to one daemon; more calls than that wait in Daemons. */
const MAX_SOCKETS = 16;

/** What of a rack says who is at an address. */
export type Places = Pick<Rack, 'site' | 'index' | 'topology'>;

/**
 * Opens the way to daemons by their addresses; behind TLS each must be who the topology says, as it is
 * when it is asked: another topology may have another one there.
 */
export function openTransport(places: Places, pki: string | undefined): OpenTransport {
  return (address) => {
    const isTls = address.startsWith('https:');
    let known = places.index;
    let expect = isTls ? expectedAt(places, address) : undefined;
    const open = (): HttpClient =>
      new HttpClient(address, {
        maxSockets: MAX_SOCKETS,
        ...(pki === undefined ? {} : { pki }),
        ...(expect === undefined ? {} : { expect }),
      });
    let client = open();
    const current = (): HttpClient => {
      if (!isTls || places.index === known) return client;
      known = places.index;
      const { role, name } = expectedAt(places, address);
      if (role === expect?.role && name === expect.name) return client;
      // the connections of the one before end by themselves, once nothing uses them
      expect = { role, ...(name === undefined ? {} : { name }) };
      return (client = open());
    };
    return {
      request: ({ method, path, ...options }) => current().call(method, path, options),
      close: () => client.close(),
    };
  };
}

/** Of a switch's own daemon that is neither a tray's nor a rack's nobody knows the name. */
function expectedAt({ site, index, topology }: Places, address: string): Expected {
  const compute = site.computeAt.find((each) => each.address === address);
  if (compute !== undefined) return { role: 'agent', name: compute.id };
  const memory = site.memoryAt.find((each) => each.address === address);
  if (memory !== undefined) return { role: 'lender', name: memory.id };
  const tray = [...index.trays.values()].find(({ dbmc }) => dbmc === address);
  if (tray !== undefined) return { role: 'dbmc', name: tray.id };
  const rack = topology.racks.find(({ dbmc }) => dbmc === address);
  if (rack !== undefined) return { role: 'dbmc', name: String(rack.id) };
  return { role: 'dbmc' };
}

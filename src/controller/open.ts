import { HttpClient, type Expected } from '../common/http-client.js';
import type { Site } from './synthesizer/site.js';
import type { OpenTransport } from './synthesizer/transport.js';

/** Connections to one daemon; more calls than that wait in Daemons. */
const MAX_SOCKETS = 16;

/** Opens the way to daemons by their addresses; behind TLS each must be who the topology says. */
export function openTransport(site: Site, pki: string | undefined): OpenTransport {
  return (address) => {
    const expect = address.startsWith('https:') ? expectedAt(site, address) : undefined;
    const client = new HttpClient(address, {
      maxSockets: MAX_SOCKETS,
      ...(pki === undefined ? {} : { pki }),
      ...(expect === undefined ? {} : { expect }),
    });
    return {
      request: ({ method, path, ...options }) => client.call(method, path, options),
      close: () => client.close(),
    };
  };
}

function expectedAt(site: Site, address: string): Expected {
  const compute = site.computeAt.find((each) => each.address === address);
  if (compute !== undefined) return { role: 'agent', name: compute.id };
  const memory = site.memoryAt.find((each) => each.address === address);
  if (memory !== undefined) return { role: 'lender', name: memory.id };
  return { role: 'dbmc' };
}

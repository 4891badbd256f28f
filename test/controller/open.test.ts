import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { openTransport } from '../../src/controller/open.js';
import { Networks } from '../../src/controller/platforms/networks.js';
import { Rack } from '../../src/controller/rack.js';
import { parseTopology } from '../../src/controller/inventory/topology-file.js';
import type { Transport } from '../../src/controller/synthesizer/transport.js';
import { makePki, type TestPki } from '../support/pki.js';

let pki: TestPki;
let own: string;
let server: Server;
let way: Transport;
beforeAll(async () => {
  pki = await makePki();
  own = await pki.issue('controller', 'main');
});
afterEach(async () => {
  way.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Somebody with that certificate, who answers anything. @returns the address. */
async function serving(name: string): Promise<string> {
  const dir = await pki.issue('dbmc', name);
  const [cert, key] = ['cert.pem', 'key.pem'].map((file) => readFileSync(join(dir, file), 'utf8'));
  server = createServer({ cert, key }, (_request, response) => {
    response.setHeader('content-type', 'application/json').end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** @param places of the daemon's address: "rack", or trays of box 0. */
function rackWith(address: string, places: readonly (number | 'rack')[]): Rack {
  const at = (place: number | 'rack'): object => (places.includes(place) ? { dbmc: address } : {});
  const trays = [0, 1].map((id) => ({
    ...{ id, ...at(id) },
    bricks: [{ id, type: 'memory', segments: 1, transceivers: 1 }],
  }));
  const boxes = [{ id: 0, trays }];
  const topology = { version: 1, rack: 'r0', racks: [{ id: 0, ...at('rack'), boxes }] };
  return new Rack(
    parseTopology(JSON.stringify({ ...topology, segmentSize: '0x200000' }), 'test'),
    new Networks(),
  );
}

const ask = (): Promise<unknown> =>
  way.request({ method: 'GET', path: '/', headers: {}, timeoutMs: 5_000 });

test.each([
  ['0.0.1', 1],
  ['0', 'rack'],
] as const)(
  'behind TLS only dBMC %s answers for itself, also once the topology has changed',
  async (name, place) => {
    const address = await serving(name);
    const rack = rackWith(address, [place]);
    way = openTransport(rack, own)(address);
    expect(await ask()).toEqual({});
    const other = rackWith(address, [0]);
    Object.assign(rack, { topology: other.topology, index: other.index });
    await expect(ask()).rejects.toMatchObject({
      code: 'SDM_PEER',
      details: { expected: 'spiffe://r0/dbmc/0.0.0', found: `spiffe://r0/dbmc/${name}` },
    });
  },
);

test('another tray’s certificate is refused', async () => {
  const address = await serving('0.0.9');
  way = openTransport(rackWith(address, [1]), own)(address);
  await expect(ask()).rejects.toMatchObject({
    code: 'SDM_PEER',
    details: { expected: 'spiffe://r0/dbmc/0.0.1', found: 'spiffe://r0/dbmc/0.0.9' },
  });
});

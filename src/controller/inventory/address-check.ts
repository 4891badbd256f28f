/** Whether addresses of daemons can be spoken to. */
import { parseAddress } from '../../common/address.js';
import { SdmError } from '../../common/errors.js';
import { bricksOf, switchesOf } from './ends.js';
import type { Fault } from './fault.js';
import type { Topology } from './topology-schema.js';

type Path = readonly (string | number)[];

export function* addressFaults(topology: Topology): Generator<Fault> {
  for (const [path, address] of addressesOf(topology)) {
    const fault = address === undefined ? undefined : addressFault(address, path);
    if (fault !== undefined) yield fault;
  }
}

function* addressesOf(topology: Topology): Generator<readonly [Path, string | undefined]> {
  yield [['dbmc'], topology.dbmc];
  for (const [r, rack] of topology.racks.entries()) {
    yield [['racks', r, 'dbmc'], rack.dbmc];
    for (const [b, box] of rack.boxes.entries()) {
      const at = ['racks', r, 'boxes', b];
      yield [[...at, 'dbmc'], box.dbmc];
      for (const [t, tray] of box.trays.entries()) yield [[...at, 'trays', t, 'dbmc'], tray.dbmc];
    }
  }
  for (const { entry, path } of switchesOf(topology)) yield [[...path, 'dbmc'], entry.dbmc];
  for (const { entry, path } of bricksOf(topology)) yield [[...path, 'address'], entry.address];
}

function addressFault(address: string, path: Path): Fault | undefined {
  try {
    parseAddress(address);
    return undefined;
  } catch (error) {
    const expected = error instanceof SdmError ? error.details?.['expected'] : undefined;
    return { path, expected: String(expected ?? 'an address'), found: address };
  }
}

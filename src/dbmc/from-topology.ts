import { SdmError } from '../common/errors.js';
import { splitEnd } from '../controller/inventory/ends.js';
import { readTopology } from '../controller/inventory/topology-file.js';
import {
  indexTopology,
  type SwitchPlace,
  type TopologyIndex,
} from '../controller/inventory/topology-index.js';
import type { Topology } from '../controller/inventory/topology-schema.js';
import type { Parts } from './config.js';

/**
 * What of a topology is one tray's: its bricks, and the switches that the topology has its daemon set. Where
 * that names no daemons, the switches of the box are its first tray's. In role rack: switches alone.
 * @throws SDM_TOPOLOGY, SDM_CONFIG where there is no such tray.
 */
export async function partsOf(file: string, role: 'tray' | 'rack', id: string): Promise<Parts> {
  const topology = await readTopology(file);
  const index = indexTopology(topology);
  const known =
    role === 'rack' ? topology.racks.map((rack) => String(rack.id)) : [...index.trays.keys()];
  if (!known.includes(id)) {
    throw new SdmError(
      'SDM_CONFIG',
      `"id" is ${id}, but ${file} has no such ${role}; it has ${known.slice(0, 8).join(', ')}`,
      { details: { file, id } },
    );
  }
  const bricks = [...index.bricks.values()]
    .filter(({ tray }) => tray === id)
    .map(({ id: brick, entry: { type, transceivers } }) => ({ id: brick, type, transceivers }));
  const switches = [...index.switches.values()]
    .filter(isOf(topology, index, role, id))
    .map(({ entry }) => ({ id: entry.id, kind: entry.kind, ports: entry.ports }));
  const names = new Set(switches.map((each) => each.id));
  const links = (topology.links ?? []).flatMap(({ a, b }) => {
    const [one, other] = [splitEnd(a), splitEnd(b)];
    if (one === undefined || other === undefined) return [];
    const [port, brick] = names.has(one.id) ? [one, other] : [other, one];
    if (!names.has(port.id) || !index.bricks.has(brick.id)) return [];
    return [{ brick: brick.id, transceiver: brick.end, switch: port.id, port: port.end }];
  });
  return { bricks, switches, links };
}

/** Whether a switch is set by the daemon of this tray, or rack. */
function isOf(
  topology: Topology,
  index: TopologyIndex,
  role: 'tray' | 'rack',
  id: string,
): (place: SwitchPlace) => boolean {
  const own =
    role === 'rack'
      ? topology.racks.find((rack) => String(rack.id) === id)?.dbmc
      : index.trays.get(id)?.dbmc;
  const [rack, box] = id.split('.').map(Number);
  return (place) => {
    if (place.dbmc !== undefined && own !== undefined) return place.dbmc === own;
    if (role === 'rack') return place.rack === rack && place.box === undefined;
    const first = [...index.trays.keys()].find((tray) => tray.startsWith(`${rack}.${box}.`));
    return place.rack === rack && place.box === box && first === id;
  };
}

import { SdmError } from '../common/errors.js';
import { bricksOf, splitEnd, switchesOf } from '../controller/inventory/ends.js';
import { readTopology } from '../controller/inventory/topology-file.js';
import type { Parts } from './config.js';

/**
 * What of a topology is one tray's: its bricks and, if it is the first tray of its box that has a daemon,
 * the switches of the box. In role rack: the switches of the rack.
 * @throws SDM_TOPOLOGY, SDM_CONFIG where there is no such tray.
 */
export async function partsOf(file: string, role: 'tray' | 'rack', id: string): Promise<Parts> {
  const topology = await readTopology(file);
  const of = (rack: number, box: number, tray: number): string => `${rack}.${box}.${tray}`;
  const known = topology.racks.flatMap((rack) =>
    role === 'rack'
      ? [String(rack.id)]
      : rack.boxes.flatMap((box) => box.trays.map((tray) => of(rack.id, box.id, tray.id))),
  );
  if (!known.includes(id)) {
    throw new SdmError(
      'SDM_CONFIG',
      `"id" is ${id}, but ${file} has no such ${role}; it has ${known.slice(0, 8).join(', ')}`,
      { details: { file, id } },
    );
  }
  const bricks =
    role === 'rack'
      ? []
      : [...bricksOf(topology)]
          .filter(({ rack, box, tray }) => of(rack.id, box.id, tray.id) === id)
          .map(({ id: brick, entry }) => ({
            id: brick,
            type: entry.type,
            transceivers: entry.transceivers,
          }));
  const switches = [...switchesOf(topology)]
    .filter(({ rack, box }) => {
      if (role === 'rack') return box === undefined && String(rack?.id) === id;
      const first = box?.trays.find((tray) => tray.dbmc !== undefined) ?? box?.trays[0];
      return rack && box && first && of(rack.id, box.id, first.id) === id;
    })
    .map(({ entry }) => ({ id: entry.id, kind: entry.kind, ports: entry.ports }));
  const names = new Set(switches.map((each) => each.id));
  const links = (topology.links ?? []).flatMap(({ a, b }) => {
    const [one, other] = [splitEnd(a), splitEnd(b)];
    if (one === undefined || other === undefined) return [];
    const [port, brick] = names.has(one.id) ? [one, other] : [other, one];
    if (!names.has(port.id) || !/^\d+\.\d+\.\d+$/.test(brick.id)) return [];
    return [{ brick: brick.id, transceiver: brick.end, switch: port.id, port: port.end }];
  });
  return { bricks, switches, links };
}

import type { Topology } from '../../controller/inventory/topology-schema.js';
import { ask, type ClientOptions } from '../operator/client.js';

/** What a topology is called that the controller gave. */
export const FROM_CONTROLLER = "the controller's topology";

/**
 * A topology from a file, from standard input for "-", or from the controller where no file is named.
 * @throws SdmError SDM_TOPOLOGY, or why the controller does not answer.
 */
export async function topologyFrom(
  file: string | undefined,
  options: ClientOptions,
): Promise<Topology> {
  const { readTopology, toTopology } = await import('../../controller/inventory/topology-file.js');
  if (file !== undefined) return readTopology(file);
  return toTopology(await ask(options, '/v1/topology'), FROM_CONTROLLER);
}

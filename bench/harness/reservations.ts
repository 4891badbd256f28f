import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SdmError } from '../../src/common/errors.js';
import { compileTopology } from '../../src/controller/inventory/compile.js';
import { generateTopology } from '../../src/controller/inventory/generate.js';
import { indexTopology } from '../../src/controller/inventory/topology-index.js';
import { NEXT_KEY, platformKey } from '../../src/controller/platforms/keys.js';
import { Networks } from '../../src/controller/platforms/networks.js';
import { newRecord } from '../../src/controller/platforms/new-record.js';
import { ReservationCore } from '../../src/controller/reservation/core.js';
import { openStore } from '../../src/controller/store/index.js';
import { makeSite } from '../../src/controller/synthesizer/site.js';

const SILENT = { info() {}, warn() {}, error() {} };
/** Platforms of one compute brick, each with a segment of its own; a brick has as many memports. */
const PER_BRICK = 25;
/** Records in one commit, as the store is filled. */
const AT_ONCE = 500;

export interface Reserved {
  /** Of sdm-controller. */
  readonly config: string;
  readonly store: string;
}

/**
 * The files of a controller whose store holds `count` platforms, each with a core, a MiB of local memory
 * and a remote segment. Nothing of the rack has an address: only the controller's own work is measured.
 */
export async function makeReserved(dir: string, count: number): Promise<Reserved> {
  mkdirSync(dir, { recursive: true });
  const boxes = Math.max(1, Math.ceil(count / PER_BRICK / 8));
  const topology = generateTopology({ boxes, cores: 32, segments: 32 });
  const [file, config, store] = ['topology.json', 'controller.json', 'store'].map((name) =>
    join(dir, name),
  ) as [string, string, string];
  writeFileSync(file, JSON.stringify(topology));
  const listen = [`unix:${join(dir, 'controller.sock')}`];
  writeFileSync(config, JSON.stringify({ topology: file, store, listen, log: 'error' }));

  const graph = compileTopology(topology);
  const index = indexTopology(topology);
  const networks = new Networks();
  const ids = index.memory.map(({ id }) => id);
  networks.take(networks.missing(ids, () => []));
  const site = makeSite(topology, index, graph, networks);
  const core = new ReservationCore(graph);
  const filled = await openStore({ path: join(store, 'controller.db'), log: SILENT });
  for (let first = 1; first <= count; first += AT_ONCE) {
    const put = Array.from({ length: Math.min(AT_ONCE, count + 1 - first) }, (_, i) => {
      const id = first + i;
      const wanted = {
        cores: 1,
        localMemory: 1,
        segments: 1,
        pathUtil: 0,
        policy: 'nearest',
      } as const;
      const reservation = core.reserve(wanted);
      if ('refused' in reservation) {
        const message = `platform ${id} of ${count} does not fit: ${reservation.resource}`;
        throw new SdmError('SDM_BENCH', message);
      }
      const record = newRecord(site, id, { cores: 1 }, reservation, { ...wanted, owner: 'bench' });
      record.state = 'active';
      for (const attachment of record.attachments) attachment.state = 'attached';
      return { key: platformKey(id), value: JSON.stringify(record) };
    });
    await filled.commit({ put: [...put, { key: NEXT_KEY, value: String(first + put.length) }] });
  }
  await filled.close();
  return { config, store };
}

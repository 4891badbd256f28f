import { join } from 'node:path';
import { isLinkUp, REG } from '../../../abi/codec.js';
import type { Transceiver } from '../../api/schemas.js';
import type { Brick } from '../../api/brick-schema.js';
import { IVSHMEM_BAR } from '../../backend/pci.js';
import type { RegisterSource } from '../../../native/types.js';
import type { Opener } from '../../probe/registers.js';
import type { Ask } from '../surroundings.js';

/** Whether each transceiver has its link; undefined where that cannot be read. */
export type Links = readonly boolean[] | undefined;

/** Through the agent. */
export async function askLinks(ask: Ask): Promise<Links> {
  try {
    const { transceivers } = (await ask({ path: '/v1/transceivers' })) as {
      transceivers: Transceiver[];
    };
    return transceivers.map(({ up }) => up);
  } catch {
    return undefined;
  }
}

/** From the block, which is mapped for reading and without its lock. */
export function readLinks(root: string, native: Opener, { registers }: Brick): Links {
  if (registers === null) return undefined;
  try {
    const block = native.openRegisters(sourceOf(root, registers), { writable: false });
    try {
      const status = block.read(REG.LINK_STATUS);
      return Array.from({ length: registers.ntransceivers }, (_, t) => isLinkUp(status, t));
    } finally {
      block.close();
    }
  } catch {
    return undefined;
  }
}

/** Below another root there are files where the addon would look for devices. */
function sourceOf(root: string, { backend, at }: NonNullable<Brick['registers']>): RegisterSource {
  if (backend === 'file') return { path: at };
  if (root === '/') return { pci: at, resource: IVSHMEM_BAR };
  return { path: join(root, 'sys/bus/pci/devices', at, `resource${IVSHMEM_BAR}`) };
}

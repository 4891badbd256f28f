import { isLinkUp, REG } from '../../../abi/codec.js';
import type { Transceiver } from '../../api/schemas.js';
import type { Brick } from '../../api/brick-schema.js';
import { openToRead, type Opener } from '../../backend/look.js';
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

/** From the block, which is opened for reading and without its lock. */
export function readLinks(root: string, native: Opener, { registers }: Brick): Links {
  if (registers === null) return undefined;
  try {
    const block = openToRead(root, native, registers);
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

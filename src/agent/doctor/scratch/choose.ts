import { SdmError } from '../../../common/errors.js';
import type { RegisterBlockInfo } from '../../../native/types.js';
import { place, type Span } from '../../attachments/placement.js';
import type { NormalRequest } from '../../attachments/record.js';
import type { Share } from '../../types.js';

/** A memport as it is chosen by. */
export interface Port {
  readonly port: number;
  readonly set: boolean;
  /** False where its registers hold what an earlier mapping left. */
  readonly blank: boolean;
  /** An attachment has it, though it is not set. */
  readonly reserved: boolean;
}

export interface Space {
  readonly info: RegisterBlockInfo;
  readonly poolSize: bigint | undefined;
  readonly shares: readonly Share[];
  readonly ports: readonly Port[];
  /** In use, whoever uses it. */
  readonly local: readonly Span[];
  readonly remote: readonly Span[];
  readonly links: readonly boolean[];
}

/** What is set and cleared: one granule that nobody uses. Bytes. */
export interface Scratch {
  readonly port: number;
  readonly start: bigint;
  readonly size: bigint;
  readonly remote: bigint;
  /** The lowest transceiver that is up, as an attach chooses; 0 where none is. */
  readonly outId: bigint;
}

const PAGE = 4096n;

/**
 * Chooses the memport that an attach would come to last, and where an attach of one granule would
 * lie.
 * @throws SdmError SDM_NO_MEMPORT, SDM_NO_SPACE: there is nothing to try it with.
 */
export function chooseScratch(space: Space): Scratch {
  const free = space.ports.filter(({ set, reserved }) => !set && !reserved);
  const port = free.findLast(({ blank }) => blank) ?? free.at(-1);
  if (port === undefined) {
    throw new SdmError('SDM_NO_MEMPORT', `all ${space.ports.length} memports are in use`);
  }
  const { granule } = space.info;
  const size = granule > PAGE ? granule : PAGE;
  const { start, remote } = place(requestOf(size), { ...space, blockSize: undefined });
  const up = space.links.indexOf(true);
  return { port: port.port, start, size, remote, outId: BigInt(up < 0 ? 0 : up) };
}

function requestOf(size: bigint): NormalRequest {
  return {
    mode: 'device',
    size,
    node: -1,
    shared: false,
    retain: true,
    start: undefined,
    memport: undefined,
    remote: undefined,
    outId: undefined,
    inId: 0n,
  };
}

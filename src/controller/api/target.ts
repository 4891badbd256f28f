/** Which brick a request of the synthesizer's old routes means. */
import { parseAddress } from '../../common/address.js';
import { SdmError } from '../../common/errors.js';
import { formatBrickId } from '../inventory/brick-id.js';
import type { BrickView } from '../views.js';

/** The key of a brick, or where its agent is; every part may be missing. */
export interface Target {
  readonly dRackId?: number;
  readonly dBoxId?: number;
  readonly dBrickId?: number;
  readonly ipAddress?: string;
  readonly port?: number | string;
  /** "http://host:port", as one of the old programs had it. */
  readonly ComputeBrickIP?: string;
}

/**
 * The compute brick that is meant. Only bricks of the rack are ever asked: the address of a request
 * says which, not where to.
 * @throws SDM_NO_RESOURCE: there is no such one, or it has no agent; SDM_INPUT: nothing names one, or
 * several have the address.
 */
export function brickOf(target: Target, bricks: readonly BrickView[]): BrickView {
  const found = matching(target, bricks);
  if (found.length > 1) {
    const ids = found.map(({ id }) => id).join(', ');
    throw new SdmError(
      'SDM_INPUT',
      `bricks ${ids} have that address: name the one that is meant by dRackId, dBoxId, dBrickId`,
      { details: { bricks: found.map(({ id }) => id) } },
    );
  }
  const brick = found[0];
  if (brick?.address !== undefined) return brick;
  const asked = JSON.stringify(target).slice(0, 200);
  throw new SdmError(
    'SDM_NO_RESOURCE',
    brick === undefined
      ? `no compute brick of this rack is ${asked}; GET /v1/bricks lists what there is`
      : `brick ${brick.id} has no agent: the topology names no address`,
    { details: { target: { ...target } } },
  );
}

function matching(target: Target, bricks: readonly BrickView[]): BrickView[] {
  const compute = bricks.filter(({ type }) => type === 'compute');
  const { dRackId, dBoxId, dBrickId } = target;
  if (dRackId !== undefined || dBoxId !== undefined || dBrickId !== undefined) {
    const key = { dRackId: dRackId ?? 0, dBoxId: dBoxId ?? 0, dBrickId: dBrickId ?? 0 };
    const id = formatBrickId(key);
    return compute.filter((brick) => brick.id === id);
  }
  const { host, port } = endpointOf(target);
  const exact = compute.filter(({ address }) => isAt(address, host, port));
  return exact.length > 0 ? exact : compute.filter(({ ip }) => ip === host);
}

/** @throws SDM_INPUT. */
function endpointOf({ ipAddress, port, ComputeBrickIP }: Target): {
  host: string;
  port: number | undefined;
} {
  const url = /^(?:https?:\/\/)?([^/:]+|\[[^\]]+\])(?::([0-9]{1,5}))?\/?$/.exec(
    ComputeBrickIP ?? '',
  );
  const host = url?.[1]?.replace(/^\[|\]$/g, '') ?? ipAddress;
  if (host === undefined) {
    throw new SdmError(
      'SDM_INPUT',
      'body: expected dRackId, dBoxId and dBrickId, or ipAddress and port, of the brick that is ' +
        'meant; found none of them',
    );
  }
  const digits = url === null ? port : url[2];
  return { host, port: digits === undefined ? undefined : Number(digits) };
}

function isAt(address: string | undefined, host: string, port: number | undefined): boolean {
  if (address === undefined) return false;
  const where = parseAddress(address);
  return where.kind !== 'unix' && where.host === host && where.port === port;
}

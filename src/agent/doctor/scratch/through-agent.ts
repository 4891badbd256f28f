import { featureBits, hex, STATUS, type FeatureName } from '../../../abi/codec.js';
import { SdmError } from '../../../common/errors.js';
import type { RegisterBlockInfo } from '../../../native/types.js';
import type { Attachment, Memory, Memport, Transceiver } from '../../api/schemas.js';
import type { Registers } from '../../api/brick-schema.js';
import { QUEUE_MS } from '../../defaults.js';
import type { Finding } from '../finding.js';
import type { Ask, Surroundings } from '../surroundings.js';
import { chooseScratch, type Scratch, type Space } from './choose.js';
import {
  differs,
  failed,
  leftSet,
  noneChosen,
  notTried,
  refused,
  unanswered,
  worked,
} from './findings.js';

/** Beyond what the agent lets a command wait: then an answer that is missing will not come. */
const MARGIN_MS = 30_000;

/**
 * Asks the agent to set a memport and to clear it. Between the two nothing ends this early: who
 * cancels waits for the clear.
 */
export async function scratchThroughAgent({
  ask,
  brick,
  settings,
}: Surroundings): Promise<Finding> {
  const { registers } = brick;
  if (registers === null) return notTried('the agent has no registers');
  let scratch: Scratch;
  try {
    scratch = chooseScratch(await spaceOf(ask, registers, brick.pool?.size));
  } catch (error) {
    return noneChosen(error);
  }
  const { port, start, size, remote, outId } = scratch;
  const path = `/v1/memports/${port}`;
  const body = { start: hex(start), size: hex(size), remote: hex(remote), outId: hex(outId) };
  const timeoutMs = (settings.queueTimeoutMs ?? QUEUE_MS) + MARGIN_MS;
  let outcome: Finding | undefined;
  try {
    const set = (await ask({ method: 'PUT', path, body, timeoutMs })) as Memport;
    if (!isScratch(set, scratch)) outcome = differs(scratch, 'it does not read as it was written');
  } catch (error) {
    outcome =
      refusalOf(scratch, error) ??
      (isUnanswered(error)
        ? unanswered(scratch, error)
        : failed(error, 'journalctl -u sdm-agent -n 50'));
  }
  return (await clear(ask, path, scratch, timeoutMs)) ?? outcome ?? worked(scratch);
}

/** Clears what this set, also where no answer said that it was set. @returns what is left. */
async function clear(
  ask: Ask,
  path: string,
  scratch: Scratch,
  timeoutMs: number,
): Promise<Finding | undefined> {
  try {
    const now = (await ask({ path })) as Memport;
    if (!now.set || now.owner !== 'manual' || !sameRange(now, scratch)) return undefined;
    const after = (await ask({ method: 'DELETE', path, timeoutMs })) as Memport;
    return after.set || after.status !== STATUS.INACTIVE
      ? leftSet(scratch, `STATUS ${after.statusName}`)
      : undefined;
  } catch (error) {
    return leftSet(scratch, (error as Error).message);
  }
}

function refusalOf(scratch: Scratch, error: unknown): Finding | undefined {
  if (!(error instanceof SdmError) || error.code !== 'SDM_MEMPORT_REFUSED') return undefined;
  const status = error.details?.['status'];
  return typeof status === 'number' ? refused(scratch, status) : undefined;
}

/** Not the agent's own word that the command waited too long, and was not done. */
function isUnanswered(error: unknown): boolean {
  if (!(error instanceof SdmError)) return false;
  return error.code === 'SDM_TIMEOUT' && error.details?.['socket'] !== undefined;
}

function sameRange(memport: Memport, { start, size, remote }: Scratch): boolean {
  return (
    BigInt(memport.start) === start &&
    BigInt(memport.end) === start + size - 1n &&
    memport.remote !== undefined &&
    BigInt(memport.remote) === remote
  );
}

function isScratch(memport: Memport, scratch: Scratch): boolean {
  return (
    memport.set &&
    memport.status === STATUS.ACTIVE &&
    sameRange(memport, scratch) &&
    BigInt(memport.outId) === scratch.outId
  );
}

async function spaceOf(
  ask: Ask,
  registers: Registers,
  poolSize: string | undefined,
): Promise<Space> {
  const [{ memports }, { attachments }, memory, { transceivers }] = (await Promise.all([
    ask({ path: '/v1/memports' }),
    ask({ path: '/v1/attachments' }),
    ask({ path: '/v1/memory' }),
    ask({ path: '/v1/transceivers' }),
  ])) as [
    { memports: Memport[] },
    { attachments: Attachment[] },
    Memory,
    { transceivers: Transceiver[] },
  ];
  const span = (start: bigint, end: bigint) => ({ start, end: end + 1n });
  const set = memports.filter((memport) => memport.set);
  const theirs = new Set(attachments.map(({ memport }) => memport));
  return {
    info: infoOf(registers),
    poolSize: poolSize === undefined ? undefined : BigInt(poolSize),
    shares: memory.shares.map(({ start, size, shared }) => ({
      start: BigInt(start),
      size: BigInt(size),
      shared,
    })),
    ports: memports.map(({ port, set: isSet, owner, status }) => ({
      port,
      set: isSet,
      blank: status === STATUS.INACTIVE,
      reserved: owner !== 'none' || theirs.has(port),
    })),
    local: [...set, ...attachments, ...memory.module.regions].map(({ start, end }) =>
      span(BigInt(start), BigInt(end)),
    ),
    remote: [...set, ...attachments].flatMap(({ start, end, remote }) =>
      remote === undefined
        ? []
        : [span(BigInt(remote), BigInt(remote) + BigInt(end) - BigInt(start))],
    ),
    links: transceivers.map(({ up }) => up),
  };
}

function infoOf(registers: Registers): RegisterBlockInfo {
  return {
    version: 1,
    features: featureBits(...(registers.features as FeatureName[])),
    nports: registers.nports,
    windowBase: BigInt(registers.windowBase),
    windowSize: BigInt(registers.windowSize),
    remoteSize: BigInt(registers.remoteSize),
    granule: BigInt(registers.granule),
    ntransceivers: registers.ntransceivers,
    passive: registers.passive,
  };
}

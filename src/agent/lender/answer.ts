import { setTimeout as delay } from 'node:timers/promises';
import { SdmError } from '../../common/errors.js';
import type { GrantRecord, LenderModel } from './model.js';
import { rangeOfRun, runsOf, segmentsOf, type Geometry } from './runs.js';
import type { Scrubbed } from './types.js';

/** What was scrubbed. @param segments rising. @param ms how long it took. */
export function scrubbedOf(
  geometry: Geometry,
  segments: readonly number[],
  ms: number,
  proof: Scrubbed['proof'],
): Scrubbed {
  return {
    scrubbed: BigInt(segments.length) * geometry.segmentSize,
    retained: 0n,
    shared: 0n,
    ms,
    ranges: runsOf(segments).map((run) => rangeOfRun(geometry, run)),
    ...(proof === undefined ? {} : { proof }),
  };
}

/** What became of the bytes of a grant that were not scrubbed. */
export function restOf(
  model: LenderModel,
  { segmentSize }: Geometry,
  { runs }: GrantRecord,
  retain: boolean,
  scrubbed: bigint,
): Pick<Scrubbed, 'retained' | 'shared'> {
  const segments = segmentsOf(runs);
  const all = BigInt(segments.length) * segmentSize;
  const others = segments.filter((each) => model.owners[each]!.length > 0).length;
  const shared = retain ? BigInt(others) * segmentSize : all - scrubbed;
  return { shared, retained: all - scrubbed - shared };
}

/** Waits so long for a scrub, which goes on whatever. @throws SDM_TIMEOUT; what the scrub throws. */
export async function within<T>(what: string, timeoutMs: number, scrub: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: over.signal, ref: false }).then(() => {
    throw new SdmError(
      'SDM_TIMEOUT',
      `${what}: its scrub was not done within ${timeoutMs} ms, and goes on; ask again`,
      { details: { timeoutMs } },
    );
  });
  try {
    return await Promise.race([scrub, late]);
  } finally {
    over.abort();
    late.catch(() => {});
    scrub.catch(() => {}); // told to the log, and tried again
  }
}

export function noGrant(id: string): SdmError {
  return new SdmError(
    'SDM_NOT_FOUND',
    `there is no grant ${id}; \`sdm-agent lender grants\` shows those there are`,
    { details: { grant: id } },
  );
}

export function leaving(id: string): SdmError {
  return new SdmError(
    'SDM_CONFLICT',
    `grant ${id} was dropped, and its bytes are being scrubbed: choose another id, or ask again when ` +
      'it is gone',
    { details: { grant: id } },
  );
}

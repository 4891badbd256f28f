import { open, type FileHandle } from 'node:fs/promises';
import { hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type { Native } from '../../native/types.js';
import { alignUp, spanText, type Span } from '../attachments/spans.js';

/** Mappings begin and end at pages; no kernel has larger ones than this, bytes. */
const PAGE_MAX = 0x10000n;

/**
 * Makes bytes of a file zero and reads them back; `span` may begin and end anywhere. What reads zero
 * is not written: holes of a sparse file stay holes.
 * @throws SDM_SCRUB where it does not read zero afterwards; the errors of the addon and of files.
 */
export async function zeroFile(
  native: Pick<Native, 'mapMemory'>,
  path: string,
  span: Span,
): Promise<void> {
  const inner = { start: alignUp(span.start, PAGE_MAX), end: span.end - (span.end % PAGE_MAX) };
  if (inner.start >= inner.end) return zeroBytes(path, [span]);
  await zeroPages(native, path, inner);
  const edges = [
    { start: span.start, end: inner.start },
    { start: inner.end, end: span.end },
  ];
  await zeroBytes(
    path,
    edges.filter(({ start, end }) => start < end),
  );
}

async function zeroPages(
  native: Pick<Native, 'mapMemory'>,
  path: string,
  span: Span,
): Promise<void> {
  const length = span.end - span.start;
  const map = native.mapMemory({ path, offset: span.start, length, writable: true });
  try {
    const first = await map.findOther(0n);
    if (first === -1n) return;
    await map.fill(0n, { offset: first });
    const other = await map.findOther(0n);
    if (other !== -1n) throw notZero(span, span.start + other);
  } finally {
    map.close();
  }
}

/** Less than two pages each: through the file, so that neighbours are not touched. */
async function zeroBytes(path: string, spans: readonly Span[]): Promise<void> {
  if (spans.length === 0) return;
  const file = await open(path, 'r+');
  try {
    for (const span of spans) await zeroEdge(file, path, span);
  } finally {
    await file.close();
  }
}

async function zeroEdge(file: FileHandle, path: string, span: Span): Promise<void> {
  const { size } = await file.stat();
  if (span.end > BigInt(size)) {
    throw new SdmError(
      'SDM_RANGE',
      `${spanText(span)} is not in ${path}, which has ${hex(BigInt(size))} bytes`,
    );
  }
  const at = Number(span.start);
  const zeros = Buffer.alloc(Number(span.end - span.start));
  await file.write(zeros, 0, zeros.length, at);
  const found = Buffer.alloc(zeros.length, 0xff);
  await file.read(found, 0, found.length, at);
  const other = found.findIndex((byte) => byte !== 0);
  if (other !== -1) throw notZero(span, span.start + BigInt(other));
}

function notZero(span: Span, at: bigint): SdmError {
  return new SdmError(
    'SDM_SCRUB',
    `the pool was zeroed from ${hex(span.start)}, but at ${hex(at)} it does not read zero: ` +
      'someone else writes to this range',
    { details: { remote: hex(at) } },
  );
}

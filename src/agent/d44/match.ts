import { hex } from '../../abi/codec.js';
import { segmentName, type RemoveSegment } from '../../abi/d44/index.js';
import { SdmError, type ErrorCode } from '../../common/errors.js';
import { LOCAL, type Attachment, type Caller } from '../types.js';

/** Attachments that a message lists; more are counted. */
const LISTED_MAX = 8;

/**
 * The attachment that a segment to remove means: its range, exactly, and whatever else it names.
 * @throws SDM_NOT_FOUND, saying what is there; SDM_CONFLICT where that is not what is meant;
 * SDM_NOT_OWNER.
 */
export function matchSegment(
  segment: RemoveSegment,
  index: number,
  there: readonly Attachment[],
  caller: Caller,
): Attachment {
  const found = there.find(({ start, end }) => start === segment.start && end === segment.end);
  if (found === undefined) throw notThere(segment, index, there);
  const refuse = (code: ErrorCode, why: string): SdmError =>
    new SdmError(code, `${segmentName(index, segment)} is attachment ${found.id}, ${why}`, {
      details: { segment: index, startA: hex(segment.start), attachment: found.id },
    });
  if (found.mode !== 'device') {
    throw refuse(
      'SDM_CONFLICT',
      `which is system RAM of node ${found.node}: its memory has to go offline first; use ` +
        `\`sdm-agent detach ${found.id}\``,
    );
  }
  const differing = differences(segment, found);
  if (differing.length > 0) {
    throw refuse('SDM_CONFLICT', `and differs (${differing.join('; ')}): name it as it was added`);
  }
  // A controller may command what an earlier one attached; the agent itself knows the terms.
  if (
    found.owner !== caller.owner &&
    (found.owner === LOCAL.owner || caller.owner === LOCAL.owner)
  ) {
    throw refuse('SDM_NOT_OWNER', `which belongs to ${found.owner}, and ${caller.owner} asks`);
  }
  return found;
}

function differences({ remote, net }: RemoveSegment, found: Attachment): string[] {
  const text: string[] = [];
  if (remote !== undefined && remote !== found.remote) {
    text.push(`it leads to ${hex(found.remote)}, and the offset given to ${hex(remote)}`);
  }
  if (net !== undefined && (net !== found.outId || net !== found.inId)) {
    const ids =
      found.outId === found.inId ? `${found.outId}` : `${found.outId} out, ${found.inId} in`;
    text.push(`its network id is ${ids}, and ${net} is given`);
  }
  return text;
}

function notThere(segment: RemoveSegment, index: number, there: readonly Attachment[]): SdmError {
  const near = there.filter(({ start, end }) => start <= segment.end && segment.start <= end);
  const list = (some: readonly Attachment[]): string => {
    const shown = some.slice(0, LISTED_MAX).map(({ id, start, end }) => {
      return `${hex(start)}-${hex(end)} (${id})`;
    });
    const more = some.length - shown.length;
    return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
  };
  const what =
    near.length > 0
      ? `there is ${list(near)}, and only exact ranges are removed`
      : there.length > 0
        ? `attached are ${list(there)}`
        : 'nothing is attached';
  const range = `${hex(segment.start)}-${hex(segment.end)}`;
  return new SdmError(
    'SDM_NOT_FOUND',
    `${segmentName(index, segment)}: nothing is attached at ${range}: ${what}`,
    { details: { segment: index, startA: hex(segment.start), endA: hex(segment.end) } },
  );
}

import type { AttachmentRecord, BrickId, PlatformRecord } from '../records.js';
import { SdmError } from '../../common/errors.js';
import { errorView } from '../platforms/works.js';
import { isPassing } from '../synthesizer/retry.js';
import type { ReconcilePort } from '../types.js';
import { platformOf } from './targets.js';
import type { ReconcileOptions, ReconcileParts } from './types.js';

/** What looks work with. */
export interface Context {
  readonly port: ReconcilePort;
  readonly parts: ReconcileParts;
  readonly options: ReconcileOptions;
  /** Of switches: connections that some platform was once seen to want, "switch a-b". */
  readonly known: Set<string>;
  /** Bricks that are being fenced just now. */
  readonly fencing: Set<BrickId>;
}

/**
 * Lost, fenced, or about to be: nothing is brought to it and none of its paths is connected, until it
 * has answered and was let in again. That is what keeps its old memports from memory that may be
 * somebody else's by now.
 */
export function isOut({ port, fencing }: Context, brick: BrickId): boolean {
  const record = port.brickRecord(brick);
  return record?.lost !== undefined || record?.fenced !== undefined || fencing.has(brick);
}

/** The record of an attachment that a daemon names; undefined: no platform has it. */
export function recordOf(
  { port }: Context,
  attachment: string,
): { readonly platform: PlatformRecord; readonly attachment: AttachmentRecord } | undefined {
  const id = platformOf(attachment);
  const platform = id === undefined ? undefined : port.platforms.get(id);
  const found = platform?.attachments.find((each) => each.id === attachment);
  return found === undefined ? undefined : { platform: platform!, attachment: found };
}

/** In use, and nobody is about to change that: what is missing of it is to be put right. */
export function isInUse(platform: PlatformRecord, attachment: AttachmentRecord): boolean {
  return (
    (platform.state === 'active' || platform.state === 'changing') &&
    (attachment.state === 'attached' || attachment.state === 'failed')
  );
}

/**
 * Brings an attachment to where it should be, in its platform's turn: every step of it, since each is
 * idempotent. Nothing, if it is not in use by then.
 * @throws SDM_UNREACHABLE if its brick is out; what the steps throw.
 */
export async function restore(context: Context, attachment: string): Promise<void> {
  const { port } = context;
  const id = platformOf(attachment)!;
  await port.turn(id, async (platform) => {
    const found = platform.attachments.find((each) => each.id === attachment);
    if (found === undefined || !isInUse(platform, found)) return;
    if (isOut(context, platform.brick)) {
      throw new SdmError('SDM_UNREACHABLE', `brick ${platform.brick} is lost or fenced`);
    }
    const before = JSON.stringify(found);
    try {
      await port.steps.ensureGranted(platform, found, { adopt: true });
      await port.steps.ensureWired(platform, found);
      await port.steps.ensureAttached(platform, found);
      delete found.error;
    } catch (error) {
      // What does not answer is asked again, and the record says nothing of it; liveness does.
      if (!isPassing(error)) [found.state, found.error] = ['failed', errorView(error)];
      throw error;
    } finally {
      if (JSON.stringify(found) !== before) {
        await port.save(platform);
        tell(port, platform, found);
      }
    }
  });
}

/** Marks an attachment as amiss, with why; said once. */
export async function markFailed(
  { port }: Context,
  attachment: string,
  error: NonNullable<AttachmentRecord['error']>,
): Promise<void> {
  await port.turn(platformOf(attachment)!, async (platform) => {
    const found = platform.attachments.find((each) => each.id === attachment);
    if (found === undefined || !isInUse(platform, found)) return;
    if (found.state === 'failed' && found.error?.message === error.message) return;
    found.state = 'failed';
    found.error = error;
    await port.save(platform);
    tell(port, platform, found);
  });
}

function tell(port: ReconcilePort, platform: PlatformRecord, attachment: AttachmentRecord): void {
  const { id, state, error } = attachment;
  port.events.append({
    kind: 'attachment',
    ...{ id, platform: platform.id, state },
    ...(error === undefined ? {} : { error }),
  });
}

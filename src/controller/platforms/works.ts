import { SdmError } from '../../common/errors.js';
import type { AttachmentRecord, ErrorView, PlatformRecord } from '../records.js';
import type { Site } from '../synthesizer/site.js';
import { isPassing } from '../synthesizer/retry.js';
import type { AttachmentSteps } from '../types.js';

export interface UpFailure {
  readonly error: unknown;
  /** Those that the agent may have. */
  readonly begun: ReadonlySet<AttachmentRecord>;
  /** Those that the lender did not give: there is nothing to be taken back. */
  readonly refused: ReadonlyMap<AttachmentRecord, Refused>;
}

/** kept: the segments themselves are not to be had, so nobody else should be given them either. */
export type Refused = 'kept' | 'other';

/** Of those that are taken down before they were in use. */
export type DownOptions = Partial<Pick<UpFailure, 'begun' | 'refused'>>;

/** What became of an attachment that was taken down. */
export interface Down {
  readonly attachment: AttachmentRecord;
  /** Detached, and its path is free. */
  readonly gone: boolean;
  /** Its segments are proved to be zero. */
  readonly clean: boolean;
  /** Of the last step that failed. */
  readonly error?: unknown;
}

/**
 * Grants, wires and attaches: attachments beside each other, and each as soon as its own path and grant
 * are there. Waits for all of them also where one fails.
 * @returns undefined: all are attached.
 */
export async function bringUp(
  steps: AttachmentSteps,
  platform: PlatformRecord,
  attachments: readonly AttachmentRecord[],
): Promise<UpFailure | undefined> {
  const begun = new Set<AttachmentRecord>();
  const refused = new Map<AttachmentRecord, Refused>();
  let failed: { readonly error: unknown } | undefined;
  await Promise.all(
    attachments.map(async (attachment) => {
      try {
        await both(
          steps.ensureGranted(platform, attachment),
          steps.ensureWired(platform, attachment),
        );
        // what is to be undone anyway is not begun
        if (failed !== undefined) return;
        begun.add(attachment);
        await steps.ensureAttached(platform, attachment);
      } catch (error) {
        attachment.error = errorView(error);
        failed ??= { error };
        const why = refusedGrant(error);
        if (why !== undefined) refused.set(attachment, why);
      }
    }),
  );
  return failed === undefined ? undefined : { ...failed, begun, refused };
}

/** @returns undefined unless it says that the lender gave nothing. */
function refusedGrant(error: unknown): Refused | undefined {
  if (!(error instanceof SdmError) || error.details?.['step'] !== 'grant') return undefined;
  if (error.code === 'SDM_NOT_CLEAN' || error.code === 'SDM_RANGE_TAKEN') return 'kept';
  // what went wrong at the lender itself may have come after it was given
  const isRefusal = (error.status < 500 || error.code === 'SDM_PEER') && !isPassing(error);
  return isRefusal ? 'other' : undefined;
}

/** The first error, once both have ended. */
async function both(a: Promise<void>, b: Promise<void>): Promise<void> {
  const results = await Promise.allSettled([a, b]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/**
 * Detaches, unwires and scrubs; a step that fails ends it for that attachment, but for the scrub, whose
 * segments wait.
 */
export async function takeDown(
  steps: AttachmentSteps,
  platform: PlatformRecord,
  attachments: readonly AttachmentRecord[],
  { begun, refused }: DownOptions = {},
): Promise<Down[]> {
  return Promise.all(
    attachments.map(async (attachment): Promise<Down> => {
      try {
        if (begun?.has(attachment) ?? true) await steps.ensureDetached(platform, attachment);
        await steps.ensureUnwired(platform, attachment);
        delete attachment.error;
      } catch (error) {
        attachment.error = errorView(error);
        return { attachment, gone: false, clean: false, error };
      }
      const why = refused?.get(attachment);
      if (why !== undefined) return { attachment, gone: true, clean: why !== 'kept' };
      try {
        attachment.state = 'scrubbing';
        await steps.ensureScrubbed(attachment);
        return { attachment, gone: true, clean: true };
      } catch (error) {
        return { attachment, gone: true, clean: false, error };
      }
    }),
  );
}

export function errorView(error: unknown): ErrorView {
  if (!(error instanceof SdmError)) {
    return {
      code: 'SDM_INTERNAL',
      message: error instanceof Error ? error.message : String(error),
    };
  }
  const { code, message, details } = error;
  return { code, message, ...(details === undefined ? {} : { details }) };
}

/** Whether anything of these attachments is done at a daemon: otherwise there is one commit only. */
export function isProgrammed(
  site: Site,
  { brick }: PlatformRecord,
  attachments: readonly AttachmentRecord[],
): boolean {
  if (attachments.length === 0) return false;
  return (
    site.computes.get(brick)?.address !== undefined ||
    attachments.some(
      ({ memory, path }) =>
        site.memories.get(memory)?.address !== undefined ||
        path.hops.some((hop) => site.switches.get(hop.switch)?.address !== undefined),
    )
  );
}

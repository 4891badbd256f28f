import { hasFeature, isLinkUp, STATUS, transceiverOf } from '../abi/codec.js';
import type { RegisterBackend } from './backend/types.js';
import type { MemportSpec } from './types.js';

/**
 * What the device would say of a memport that is set anew, so that one that is set already is not
 * cleared for nothing. The rules are the block's own (native/src/passive.c); what only the
 * device can know it still may refuse.
 * @param aligned whether the granule counts: passive blocks may be opened without that check.
 * @returns STATUS.ACTIVE, or the STATUS of the refusal.
 */
export function expectedStatus(
  backend: RegisterBackend,
  port: number,
  spec: MemportSpec,
  aligned: boolean,
): number {
  const { info } = backend;
  const { start, size, remote } = spec;
  const end = start + size - 1n;
  if ([start, size, remote].some((value) => aligned && value % info.granule !== 0n)) {
    return STATUS.ALIGNMENT;
  }
  if (start < info.windowBase || end >= info.windowBase + info.windowSize) return STATUS.WINDOW;
  if (remote + size > info.remoteSize) return STATUS.REMOTE;
  const fixed = hasFeature(info.features, 'translation') ? undefined : start - info.windowBase;
  if (fixed !== undefined && (remote !== fixed || remote < info.granule)) return STATUS.REMOTE;
  const clash = backend
    .setMemports()
    .some((other) => other.port !== port && other.start <= end && start <= other.end);
  if (clash) return STATUS.OVERLAP;
  const transceiver = transceiverOf(spec.outId ?? 0n, info);
  const up = transceiver === undefined || isLinkUp(backend.linkStatus(), transceiver);
  return up ? STATUS.ACTIVE : STATUS.LINK;
}

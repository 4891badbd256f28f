import type { Guest } from './up.js';
import { SdmError } from '../common/errors.js';

export async function loadGuest(
  progress: import('../common/progress.js').Progress | undefined,
  signal?: AbortSignal,
): Promise<Guest> {
  void progress;
  void signal;
  throw new SdmError('SDM_INTERNAL', 'no guest yet');
}

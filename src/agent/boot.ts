import { readFileSync } from 'node:fs';
import { SdmError } from '../common/errors.js';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/**
 * What tells this boot of the machine from all others.
 * @throws SDM_SYSTEM where the kernel does not say.
 */
export function readBootId(path: string = BOOT_ID): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new SdmError(
      'SDM_SYSTEM',
      `cannot read which boot this is from ${path} (${(cause as NodeJS.ErrnoException).code}): ` +
        'mount /proc and start the agent again',
      { cause },
    );
  }
  if (text !== '') return text;
  throw new SdmError('SDM_SYSTEM', `${path} is empty, and should name this boot of the machine`);
}

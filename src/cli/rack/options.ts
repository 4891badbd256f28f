import { InvalidArgumentError, Option } from 'commander';
import { SdmError } from '../../common/errors.js';
import { parseInteger, parseSize } from '../../common/units.js';
import { MAX_BRICKS, DEFAULT_RACK } from '../../rack/names.js';
import { QEMUS } from '../../rack/qemu-binary.js';

/** The option that every command on one rack has. */
export function nameOption(): Option {
  return new Option('-n, --name <rack>', 'which rack').default(DEFAULT_RACK).env('SDM_RACK');
}

/** What the bricks of a rack that is made run on. */
export function qemuOption(): Option {
  return new Option('--qemu <which>', 'what the bricks run on: plain QEMU, or one with our device')
    .choices(QEMUS)
    .default('stock');
}

/** Lets a parser of ours refuse in commander's way, with the option's name before the sentence. */
function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof SdmError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}

export const brickArgument = argument((text) => parseInteger(text, 'brick', 1, MAX_BRICKS));
export const countArgument = argument((text) => parseInteger(text, 'count', 1, MAX_BRICKS));
export const transceiverArgument = argument((text) => parseInteger(text, 'transceiver', 0, 15));
export const secondsArgument = argument((text) => parseInteger(text, 'seconds', 1, 3600));
export const sizeArgument = argument((text) => parseSize(text));

/** "20" or "20,40": distances of nodes 1 and 2 from node 0. */
export const distanceArgument = argument((text): readonly [number, number] => {
  const [near, far, ...more] = text
    .split(',')
    .map((part) => parseInteger(part, 'distance', 11, 254));
  if (near === undefined || more.length > 0) {
    throw new InvalidArgumentError('expected one distance or two, such as 20 or 20,40');
  }
  return [near, far ?? near];
});

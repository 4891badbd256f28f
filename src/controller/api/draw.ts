import { SdmError } from '../../common/errors.js';

/** The topology as a drawing program reads it. */
export function draw(_topology: unknown, format: 'gexf' | 'dot'): string {
  throw new SdmError('SDM_MODE', `this version does not draw ${format}`);
}

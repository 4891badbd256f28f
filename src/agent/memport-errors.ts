import { hex } from '../abi/codec.js';
import { SdmError } from '../common/errors.js';
import type { MemportView } from './types.js';

/** All of them are in use. */
export function noMemport(nports: number): SdmError {
  return new SdmError(
    'SDM_NO_MEMPORT',
    `all ${nports} memports are in use: detach something, or clear one (\`sdm-agent memport list\`)`,
  );
}

/** Why a memport that is not free cannot be taken. */
export function ownedElsewhere(found: MemportView): SdmError {
  const { port, owner } = found;
  const range = `${hex(found.start)}-${hex(found.end)}`;
  if (owner === 'attachment') {
    return new SdmError(
      'SDM_MEMPORT_OWNED',
      `memport ${port} belongs to attachment ${found.attachment}: detach that, or override`,
      { details: { memport: port, attachment: found.attachment } },
    );
  }
  if (owner === 'foreign') {
    return new SdmError(
      'SDM_MEMPORT_FOREIGN',
      `memport ${port} was set to ${range} by someone this agent does not know; override once you ` +
        'know that nobody uses it',
      { details: { memport: port } },
    );
  }
  return new SdmError(
    'SDM_MEMPORT_SET',
    found.set
      ? `memport ${port} is set to ${range}: clear it first`
      : `memport ${port} is kept for ${found.by}: clear it first`,
    { details: { memport: port } },
  );
}

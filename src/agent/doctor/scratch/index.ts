import type { Finding } from '../finding.js';
import type { Surroundings } from '../surroundings.js';
import { scratchDirectly } from './direct.js';
import { notTried } from './findings.js';
import { scratchThroughAgent } from './through-agent.js';

/**
 * Sets a memport and clears it again, through the agent where one answers. Nothing of it remains,
 * whatever fails; where that could not be, the finding says so.
 * @param wanted false: only say that it was not tried.
 */
export async function scratch(s: Surroundings, wanted: boolean): Promise<Finding> {
  if (!wanted) return notTried('as asked (--no-scratch)');
  if (s.agent.kind === 'answers') return scratchThroughAgent(s);
  if (s.agent.kind === 'denied')
    return notTried('an agent has the registers, and may not be asked');
  if (s.agent.kind === 'silent') return notTried('something that does not answer may have them');
  if (s.config.kind !== 'valid') return notTried('without a configuration no share is known');
  if ('missing' in s.native) return notTried('the addon does not load');
  if (s.brick.registers === null) return notTried('the registers were not found');
  if (s.root !== '/' && s.settings.registers.backend !== 'file') {
    return notTried('these registers are not of this machine');
  }
  return scratchDirectly(s.root, s.native, s.settings);
}

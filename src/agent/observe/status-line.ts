import { formatSize } from '../../common/units.js';
import type { AgentCore } from '../types.js';
import { problemsOf } from './health.js';

/** How the brick is, in one line: "2 attachments (512 MiB), 4 of 4 links up". */
export function statusLine(agent: AgentCore): string {
  const attachments = agent.listAttachments();
  const bytes = attachments.reduce((sum, { size }) => sum + size, 0n);
  const links = agent.transceivers();
  const up = links.filter((link) => link.up).length;
  const [problem] = problemsOf(agent, attachments, links);
  const count = `${attachments.length} attachment${attachments.length === 1 ? '' : 's'}`;
  const size = attachments.length === 0 ? '' : ` (${formatSize(bytes)})`;
  // systemd takes one line.
  const why = problem === undefined ? '' : `; ${problem.text.replaceAll(/\s+/g, ' ')}`;
  return `${count}${size}, ${up} of ${links.length} links up${why}`;
}

import type { AgentCore, Attachment } from '../types.js';

/** Something that somebody should look at. */
export interface Problem {
  readonly about: 'journal' | 'link' | 'attachment';
  /** One sentence: what is so. */
  readonly text: string;
}

/** What is wrong on this brick now; none of it keeps the agent from answering. */
export function problemsOf(agent: AgentCore): Problem[] {
  const { failure } = agent.journal().stats;
  const journal: Problem[] =
    failure === undefined
      ? []
      : [{ about: 'journal', text: `nothing can be changed: the journal fails: ${failure}` }];
  const attachments = agent.listAttachments();
  const down = agent
    .transceivers()
    .filter((t) => !t.up && t.attachments.length > 0)
    .map(({ transceiver, attachments: over }): Problem => {
      const text = `transceiver ${transceiver} is down, and it carries ${over.join(', ')}`;
      return { about: 'link', text };
    });
  return [...journal, ...down, ...attachments.flatMap(problemOf)];
}

function problemOf({ id, state, waits, error }: Attachment): Problem[] {
  const why = error === undefined ? '' : `: ${error.message}`;
  const about = 'attachment';
  if (state === 'failed') return [{ about, text: `attachment ${id} has failed${why}` }];
  if (waits === 'controller') return [{ about, text: `attachment ${id} waits for its controller` }];
  if (waits === 'restore') return [{ about, text: `attachment ${id} is not restored yet${why}` }];
  return [];
}

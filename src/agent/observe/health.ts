import type { AgentCore, Attachment } from '../types.js';

/** Something that somebody should look at. */
export interface Problem {
  readonly about: 'journal' | 'link' | 'attachment';
  /** One sentence: what is so. */
  readonly text: string;
}

const REFUSED = {
  nothing: 'the journal is in trouble',
  taking: 'memory can only be given back, and nothing is taken',
  everything: 'nothing can be changed: the journal fails',
} as const;

/** What is wrong on this brick now; none of it keeps the agent from answering. */
export function problemsOf(
  agent: AgentCore,
  attachments = agent.listAttachments(),
  transceivers = agent.transceivers(),
): Problem[] {
  const { failure, refuses } = agent.journal().stats;
  const journal: Problem[] =
    failure === undefined ? [] : [{ about: 'journal', text: `${REFUSED[refuses]}: ${failure}` }];
  const down = transceivers
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

import type { Static } from 'typebox';
import type { LenderEventSchema } from '../../agent/lender/api/schemas.js';
import { sizeText } from './output.js';

export type LenderEvent = Static<typeof LenderEventSchema>;

/** What a lender tells, for people; undefined for what it does not. */
export function lenderEventText(event: LenderEvent): string | undefined {
  switch (event.kind) {
    case 'granted': {
      const { borrower, owner } = event.grant;
      return `${event.id} was granted to ${borrower ?? 'nobody in particular'} by ${owner}`;
    }
    case 'dropped':
      return `${event.id} was ended by ${event.owner}${event.retained ? ', its bytes kept' : ''}`;
    case 'scrubbed': {
      const { range, proof, ms } = event;
      return `${sizeText(range.size)} at ${range.start} are zero (${proof.method}, ${ms.toFixed(1)} ms)`;
    }
    case 'scrub-failed': {
      const { range, error } = event;
      const what = `${sizeText(range.size)} at ${range.start}`;
      return `${what} could not be scrubbed: ${error.code}: ${error.message}`;
    }
    case 'stray': {
      const { range } = event;
      return `nobody has ${sizeText(range.size)} at ${range.start}, and bytes are there again: scrubbing`;
    }
    default:
      return undefined;
  }
}

import type { Timeouts } from '../synthesizer/daemons.js';

/** For what has deadlines of its own beside calls: the store's commits. */
const BASE_MS = 10 * 60_000;
/** Switches that one after the other are told of a path, at most. */
const SWITCHES = 8;

/**
 * What no command can take without something hanging: all steps of so many attachments, up and down
 * again and one attachment after the other, each with its second attempt. Milliseconds.
 */
export function commandBudgetMs(
  { callMs, attachMs, detachMs, scrubMs, retryMs }: Timeouts,
  attachments: number,
): number {
  const deadlines = [callMs, attachMs, detachMs, scrubMs, scrubMs];
  const wires = Array.from({ length: 2 * SWITCHES }, () => callMs);
  const steps = [...deadlines, ...wires].map((ms) => 2 * ms + retryMs);
  return BASE_MS + Math.max(1, attachments) * steps.reduce((sum, ms) => sum + ms, 0);
}

import type { Progress } from '../common/progress.js';

/** What one brick has to tell. Bricks work at once and are shown one after the other. */
export class Transcript {
  readonly #progress: Progress;
  #held: string[] | undefined = [];

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  say(text: string): void {
    if (this.#held === undefined) this.#progress.note(text);
    else this.#held.push(text);
  }

  /** From now on what is said is shown at once; before that, all that was held back. */
  show(): void {
    for (const text of this.#held ?? []) this.#progress.note(text);
    this.#held = undefined;
  }
}

/** One that can do its part of a phase and has a transcript of it. */
export interface Teller {
  begin(): Transcript;
}

/**
 * Lets all do their part at once and shows it one by one, in order.
 * @throws what the first in order threw, when all have ended.
 */
export async function tellInOrder<T extends Teller>(
  tellers: readonly T[],
  work: (teller: T) => Promise<void>,
): Promise<void> {
  const parts = tellers.map((teller) => ({ transcript: teller.begin(), done: work(teller) }));
  const all = Promise.allSettled(parts.map(({ done }) => done));
  for (const { transcript, done } of parts) {
    transcript.show();
    await Promise.allSettled([done]);
  }
  for (const outcome of await all) if (outcome.status === 'rejected') throw outcome.reason;
}

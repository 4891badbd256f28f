import type { Ledger } from './platforms/ledger.js';
import { platformView } from './platforms/view.js';
import type { AttachmentState, PlatformState } from './records.js';
import type { Site } from './synthesizer/site.js';
import type { PlatformView } from './views.js';

/** Some of all platforms: a list of all of them would be as large as there are many. */
export interface PlatformPage {
  readonly platforms: PlatformView[];
  /** Id of the last one here; undefined: there are no more. */
  readonly next?: number;
}

/** How many there are, by state; a state that none is in is not there. */
export interface StateCounts {
  readonly platforms: ReadonlyMap<PlatformState, number>;
  readonly attachments: ReadonlyMap<AttachmentState, number>;
}

type Shown = Pick<Ledger, 'shown'>;

/** Those with greater ids than `after`, in the order of their ids. */
export function pageOf({ shown }: Shown, site: Site, after: number, limit: number): PlatformPage {
  // they are stored nearly in that order, so that this is quick
  const ids = Float64Array.from([...shown.keys()].filter((id) => id > after)).sort();
  const some = [...ids.subarray(0, limit)];
  const platforms = some.map((id) => platformView(site, shown.get(id)!));
  return { platforms, ...(ids.length > limit ? { next: some.at(-1)! } : {}) };
}

export function countsOf({ shown }: Shown): StateCounts {
  const platforms = new Map<PlatformState, number>();
  const attachments = new Map<AttachmentState, number>();
  for (const platform of shown.values()) {
    platforms.set(platform.state, (platforms.get(platform.state) ?? 0) + 1);
    for (const { state } of platform.attachments) {
      attachments.set(state, (attachments.get(state) ?? 0) + 1);
    }
  }
  return { platforms, attachments };
}

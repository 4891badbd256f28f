import { note, ok, problem, warning, type Finding } from '../finding.js';
import type { Surroundings } from '../surroundings.js';

const CAUSE = 'the other side writes LINK_STATUS: its cable, its switch or its power';

/** Transceivers without which nothing can be attached. */
export function links({ links: up, brick }: Surroundings): Finding {
  if (up === undefined) return note('links', 'not examined: the registers could not be read');
  if (up.length === 0) return ok('links', 'this brick has no transceivers');
  const down = up.flatMap((isUp, t) => (isUp ? [] : [t]));
  const found =
    down.length === 0 ? `all ${up.length} are up` : `down: ${down.join(', ')} of ${up.length}`;
  if (down.length === 0) return ok('links', found);
  const command = `sdm-agent transceiver list; sdm-agent transceiver reset ${down[0]}`;
  const mend = { mend: 'connect the path, or reset the link and look again', command };
  if (down.length < up.length) {
    return warning('links', found, `memports over these are refused; ${CAUSE}`, mend);
  }
  const passive = brick.registers?.passive === true;
  return problem('links', found, `every attach ends with SDM_LINK_DOWN; ${CAUSE}`, {
    ...mend,
    ...(passive && { mend: 'whoever holds the other side of this block must set LINK_STATUS' }),
  });
}

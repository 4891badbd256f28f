import { note, ok, problem, type Finding } from '../finding.js';
import type { Surroundings } from '../surroundings.js';

/** The node that remote memory joins, its distance, and what moves there by itself. */
export function* numa(s: Surroundings): Generator<Finding> {
  yield node(s);
  yield distances(s);
  yield demotion(s);
}

function node({ brick, settings, config }: Surroundings): Finding {
  const { node: wanted } = settings;
  const { possible, nodes } = brick.numa;
  if (!possible.includes(wanted)) {
    const has = possible.length === 0 ? 'no node is' : `only ${possible.join(', ')} can be`;
    const other = possible.filter((n) => n !== 0).at(0) ?? possible[0];
    return problem(
      'numa-node',
      `remote memory is to join node ${wanted}, but ${has} (/sys/devices/system/node/possible)`,
      'a node that firmware does not name at boot can never have memory: system-ram is refused',
      {
        mend:
          (other === undefined ? '' : `set "node": ${other} in ${config.path}, or `) +
          'boot with a device tree whose distance map names it',
      },
    );
  }
  const own = nodes.find(({ node: n, cpus }) => n === wanted && cpus);
  if (own === undefined) return ok('numa-node', `remote memory joins node ${wanted}`);
  return note(
    'numa-node',
    `remote memory joins node ${wanted}, which has processors and memory of its own`,
    'programs cannot tell the one from the other, and neither demotion nor tiers apply',
    { mend: `set another "node" in ${config.path}; possible are ${possible.join(', ')}` },
  );
}

function distances({ brick }: Surroundings): Finding {
  const { differ, firmware, nodes } = brick.numa;
  const dropped = differ.filter(({ from, to }) => from < to);
  if (dropped.length > 0) {
    const list = dropped.map((d) => `${d.from}-${d.to} is ${d.kernel}, not ${d.firmware}`);
    return note(
      'distances',
      `the kernel shows other distances than firmware gives: ${list.join('; ')}`,
      'kernels up to 6.12 at least drop at boot the distances of nodes that have no memory yet; the ' +
        'topology is as firmware says',
      { mend: 'list the highest node first in the distance map of the device tree' },
    );
  }
  const shown = nodes.flatMap(({ node: from, distances: to }) =>
    to
      .filter((other) => other.node > from)
      .map((other) => `${from}-${other.node} ${other.distance}`),
  );
  if (firmware === null && shown.length === 0) {
    return ok('distances', 'one node is online, and firmware gives no distance map');
  }
  return ok('distances', shown.length === 0 ? 'one node is online' : shown.join(', '));
}

function demotion({ brick }: Surroundings): Finding {
  const { demotion: on } = brick.kernel;
  if (on === true) return ok('demotion', 'cold pages move to slower tiers');
  if (on === null) return note('demotion', 'this kernel has no demotion');
  return note(
    'demotion',
    'demotion is off',
    'cold pages stay where they are: remote memory is used by programs that ask for its node, and ' +
      'where local memory is full',
    { command: 'echo 1 > /sys/kernel/mm/numa/demotion_enabled' },
  );
}

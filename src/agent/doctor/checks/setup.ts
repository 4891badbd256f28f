import { join } from 'node:path';
import { hex } from '../../../abi/codec.js';
import { faultText } from '../../config.js';
import { readText } from '../../memory/sysfs.js';
import { note, ok, problem, warning, type Finding } from '../finding.js';
import type { Surroundings } from '../surroundings.js';

/** The least Node.js, as package.json says. */
const NODE_MIN = [20, 19] as const;
const BOOT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What the agent is made of and told: programs and configuration. */
export function* setup(s: Surroundings): Generator<Finding> {
  yield node(s);
  yield addon(s);
  yield bootId(s);
  yield* config(s);
  yield agent(s);
}

function node({ nodeVersion }: Surroundings): Finding {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const [least, leastMinor] = NODE_MIN;
  const fits = major > least || (major === least && minor >= leastMinor);
  if (fits) return ok('node', `Node.js ${nodeVersion}`);
  return problem(
    'node',
    `Node.js ${nodeVersion}`,
    `the agent needs ${NODE_MIN.join('.')} or newer`,
    { mend: 'install a newer Node.js, and start the agent with it (`ExecStart=` of its unit)' },
  );
}

function addon({ native }: Surroundings): Finding {
  if (!('missing' in native)) return ok('addon', 'the addon loads');
  const command = /build it: (node \S+)/.exec(native.missing)?.[1];
  return problem(
    'addon',
    native.missing.replace(/; build it: .*$/, ''),
    'without the addon no register can be read or written',
    command === undefined
      ? { mend: 'install sdm with `npm install`, which builds the addon for this machine' }
      : { command },
  );
}

function bootId({ root }: Surroundings): Finding {
  const text = readText(join(root, 'proc/sys/kernel/random/boot_id'));
  if (text !== undefined && BOOT_ID.test(text)) return ok('boot-id', `this boot is ${text}`);
  return problem(
    'boot-id',
    text === undefined
      ? '/proc/sys/kernel/random/boot_id cannot be read'
      : `/proc/sys/kernel/random/boot_id is "${text}", which is no UUID`,
    'the agent cannot tell a restart from a reboot, after which nothing is attached any more',
    {
      mend: 'let the agent see /proc/sys (not `ProcSubset=pid` in its unit)',
      command: 'mount -t proc proc /proc',
    },
  );
}

function* config({ config: state, brick }: Surroundings): Generator<Finding> {
  const { path } = state;
  if (state.kind === 'unread') {
    const missing = state.why.includes('(ENOENT)');
    yield problem(
      'config',
      missing ? `there is no configuration ${path}` : state.why,
      '`sdm-agent serve` does not start; what follows looks for what a brick has by default',
      missing
        ? {
            mend: 'write one; this is the least, docs/agent-cli.md has all keys',
            command: `mkdir -p /etc/sdm && printf '{"brick": "%s", "registers": {"backend": "auto"}, "pool": {"pci": "auto"}}\\n' "$(hostname)" >${path}`,
          }
        : { command: `sdm-agent config check ${path}` },
    );
    return;
  }
  if (state.kind === 'invalid') {
    yield problem(
      'config',
      state.faults.map((fault) => faultText(path, fault)).join('; '),
      '`sdm-agent serve` does not start; what follows looks for what a brick has by default',
      { mend: 'correct these keys', command: `sdm-agent config check ${path}` },
    );
    return;
  }
  yield ok('config', `${path} is valid`);
  yield shares(path, state.config, brick);
}

function shares(
  path: string,
  config: Extract<Surroundings['config'], { kind: 'valid' }>['config'],
  { pool, registers }: Surroundings['brick'],
): Finding {
  const end = pool === null ? undefined : BigInt(pool.size);
  const beyond = config.shares.flatMap(({ start, size }, i) =>
    end !== undefined && start + size > end ? [`shares[${i}]`] : [],
  );
  if (end !== undefined && beyond.length > 0) {
    return warning(
      'shares',
      `${beyond.join(', ')} reach beyond the pool, which ends at ${hex(end)}`,
      'nothing is attached from there, so less than they say',
      { mend: `correct their sizes in ${path}, or enlarge the pool` },
    );
  }
  const own = config.shares.filter(({ shared }) => !shared).length;
  const both = config.shares.length - own;
  if (own > 0) return ok('shares', `${own} of its own, ${both} shared`);
  // Registers that translate need none: what lies behind them is their own.
  if (config.pool === undefined && registers?.translation !== true) {
    return note(
      'shares',
      'neither pool nor shares are configured',
      'the agent serves memports, and refuses attachments with SDM_NO_POOL',
      { mend: `add "pool" and "shares" to ${path}, if memory is to be attached` },
    );
  }
  return warning(
    'shares',
    both === 0 ? 'no shares are configured' : `${both} shared, none of its own`,
    both === 0
      ? 'every attach is refused: the agent does not know what of the pool is its'
      : 'system RAM cannot be attached: it must not lie in a shared range',
    { mend: `add what this brick may use of the pool as "shares" to ${path}` },
  );
}

function agent({ agent: state, settings, config, systemd }: Surroundings): Finding {
  const { socket } = settings;
  const unit = systemd.kind === 'unit';
  const start = unit ? 'systemctl start sdm-agent' : `sdm-agent serve --config ${config.path}`;
  switch (state.kind) {
    case 'answers':
      return ok('agent', `an agent answers on ${socket}`);
    case 'none':
      return note('agent', `no agent runs on ${socket}`, undefined, {
        mend: 'start it when nothing here is a problem any more',
        command: start,
      });
    case 'denied':
      return warning(
        'agent',
        `an agent runs on ${socket}, and you may not ask it`,
        'what only the agent knows is not examined, and no memport is tried',
        { mend: 'run this as root, or as a member of the group that owns the socket' },
      );
    case 'silent':
      return problem('agent', state.why, `something is at ${socket}, but no agent that works`, {
        mend: "see the agent's log, then start it again",
        command: unit
          ? 'journalctl -u sdm-agent -n 50; systemctl restart sdm-agent'
          : `ls -l ${socket}; ${start}`,
      });
  }
}

import { note, ok, problem, warning, type Finding } from '../finding.js';
import { UNIT, type Unit } from '../read/systemd.js';
import type { Surroundings } from '../surroundings.js';

const INSTALL = 'sdm-agent service install';

/** How systemd starts, watches and restarts the agent. */
export function* service({ systemd, agent }: Surroundings): Generator<Finding> {
  switch (systemd.kind) {
    case 'none':
      yield note(
        'service',
        'systemd does not run this machine',
        'nothing of systemd starts the agent at boot or restarts it: see to that another way',
      );
      return;
    case 'silent':
      yield warning(
        'service',
        `systemd runs, but does not say what it knows of ${UNIT}: ${systemd.why}`,
        'whether the agent comes up at boot is not known',
        { command: `systemctl show ${UNIT}` },
      );
      return;
    case 'absent':
      yield note(
        'service',
        `there is no ${UNIT}`,
        'the agent does not come up at boot, and nobody restarts it when it dies',
        { command: INSTALL },
      );
      return;
    case 'unit':
      yield state(systemd.unit, agent.kind === 'answers');
      yield watchdog(systemd.unit);
  }
}

function state(unit: Unit, answers: boolean): Finding {
  const { active, enabled, restarts } = unit;
  const again = restarts === 0 ? '' : `, restarted ${restarts} times`;
  const found = `${UNIT} is ${active || 'unknown'} and ${enabled || 'not enabled'}${again}`;
  if (active === 'failed') {
    return problem('service', found, 'systemd has given up starting the agent', {
      mend: 'the log says why; after mending that',
      command:
        'journalctl -u sdm-agent -n 50; systemctl reset-failed sdm-agent; systemctl start sdm-agent',
    });
  }
  if (!['enabled', 'enabled-runtime', 'static', 'linked', 'alias'].includes(enabled)) {
    return warning('service', found, 'the agent does not come up at the next boot', {
      command: 'systemctl enable --now sdm-agent',
    });
  }
  if (active === 'active' || active === 'reloading') return ok('service', found);
  if (answers) {
    return warning(
      'service',
      `${found}, but an agent answers`,
      'it was started another way: systemd neither watches nor restarts it',
      { mend: 'stop that agent, then', command: 'systemctl start sdm-agent' },
    );
  }
  return note('service', found, 'the agent is not running now', {
    command: 'systemctl start sdm-agent',
  });
}

function watchdog({ type, watchdogUsec }: Unit): Finding {
  if (type !== 'notify' && type !== 'notify-reload') {
    return warning(
      'watchdog',
      `${UNIT} is of Type=${type || 'simple'}`,
      'systemd takes the agent for ready before it is, and what waits for it starts too early',
      { command: INSTALL },
    );
  }
  if (watchdogUsec > 0) return ok('watchdog', `pinged within ${watchdogUsec / 1e6} s`);
  return note('watchdog', 'no watchdog is set', 'an agent that hangs is not restarted', {
    command: INSTALL,
  });
}

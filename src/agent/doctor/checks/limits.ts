import { dirname } from 'node:path';
import { formatSize, roughSize } from '../../../common/units.js';
import { note, ok, warning, type Finding, type Mend } from '../finding.js';
import type { Surroundings } from '../surroundings.js';

/** 512 clients at once, and as much again for what the agent itself has open. */
const FILES_MIN = 1024;
/** A checkpoint of a large journal, several times. */
const FILE_SIZE_MIN = 64n << 20n;
/** An agent is some 50 MiB resident; twice that, with room for a burst of clients. */
const MEMORY_MIN = 128n << 20n;
const NEVER = 2;

/** Limits of processes and control groups that the agent, or programs on its memory, run into. */
export function* limits(s: Surroundings): Generator<Finding> {
  yield openFiles(s);
  yield fileSize(s);
  yield memoryLimit(s);
  if (s.settings.registers.backend === 'file') return;
  yield cpuset(s);
  yield overcommit(s);
}

/** How to lift a limit of the agent: in its unit, or in the shell that starts it. */
function lift({ systemd }: Surroundings, setting: string, shell: string): Mend {
  if (systemd.kind !== 'unit')
    return { mend: 'in the shell that starts the agent', command: shell };
  const file = '/etc/systemd/system/sdm-agent.service.d/limits.conf';
  return {
    command:
      `mkdir -p ${dirname(file)} && printf '[Service]\\n${setting}\\n' >>${file} && ` +
      'systemctl daemon-reload && systemctl restart sdm-agent',
  };
}

function openFiles(s: Surroundings): Finding {
  const { openFiles: limit } = s.limits;
  if (limit === undefined || limit >= FILES_MIN) {
    return ok('open-files', limit === undefined ? 'no limit' : `${limit} files`);
  }
  return warning(
    'open-files',
    `the agent may open ${limit} files`,
    `it serves up to 512 clients at once, each of them a file: ${FILES_MIN} are enough`,
    lift(s, `LimitNOFILE=${FILES_MIN}`, `ulimit -n ${FILES_MIN}`),
  );
}

function fileSize(s: Surroundings): Finding {
  const { fileSize: limit } = s.limits;
  if (limit === undefined || limit >= FILE_SIZE_MIN) {
    return ok('file-size', limit === undefined ? 'no limit' : formatSize(limit));
  }
  return warning(
    'file-size',
    `the agent may write files of ${roughSize(limit)}`,
    'a journal that reaches that cannot be written, and nothing be attached or detached any more',
    lift(s, 'LimitFSIZE=infinity', 'ulimit -f unlimited'),
  );
}

function memoryLimit(s: Surroundings): Finding {
  const { memory, group } = s.limits;
  if (memory !== undefined && memory < MEMORY_MIN) {
    return warning(
      'memory-limit',
      `the agent may use ${roughSize(memory)} of memory`,
      'it needs 50 MiB and, with many clients, more: the kernel would kill it',
      lift(s, 'MemoryMax=infinity', 'systemd-run --scope -p MemoryMax=infinity sdm-agent serve'),
    );
  }
  if (group === undefined || s.settings.registers.backend === 'file') {
    return ok('memory-limit', memory === undefined ? 'no limit' : roughSize(memory));
  }
  return note(
    'memory-limit',
    `what runs in the control group ${group.at} may use ${roughSize(group.memory)}`,
    'remote memory counts as any other: programs there cannot use more of it',
    { command: `echo max > /sys/fs/cgroup${group.at}/memory.max` },
  );
}

function cpuset({ limits: { nodes: allowed }, settings: { node } }: Surroundings): Finding {
  if (allowed === undefined || allowed.nodes.includes(node)) {
    return ok('cpuset', `programs started here may use node ${node}`);
  }
  return note(
    'cpuset',
    `what runs in the control group ${allowed.at} may have memory of nodes ` +
      `${allowed.nodes.join(', ')} only`,
    `remote memory joins node ${node}: programs there can never use it`,
    {
      command: `echo ${[...allowed.nodes, node].join(',')} > /sys/fs/cgroup${allowed.at}/cpuset.mems`,
    },
  );
}

function overcommit({ limits: { overcommit: mode } }: Surroundings): Finding {
  if (mode !== NEVER) return ok('overcommit', 'memory may be promised beyond what there is');
  return note(
    'overcommit',
    'vm.overcommit_memory is 2',
    'what may be promised grows with memory that is attached and shrinks at a detach: programs ' +
      'may then be refused memory though some is free',
    { mend: 'if that hurts', command: 'sysctl vm.overcommit_memory=0' },
  );
}

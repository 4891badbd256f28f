import { join } from 'node:path';
import { RESERVE_SIZE } from '../../journal/reserve.js';
import { readText } from '../../memory/sysfs.js';
import { formatSize } from '../../../common/units.js';
import { NO_POOL } from '../../attachments/journal.js';
import { namedPoolPlace, registersPlace } from '../../backend/place.js';
import { note, ok, problem, warning, type Finding } from '../finding.js';
import type { JournalFile } from '../read/journal.js';
import type { Surroundings } from '../surroundings.js';

const show = (stateDir: string): string => `sdm-agent journal show --state-dir ${stateDir}`;

/** What the agent wrote down, and whether the next one can go on from it. */
export function journal(s: Surroundings): Finding {
  const { journal: file, settings } = s;
  switch (file.kind) {
    case 'none':
      return ok('journal', `none in ${settings.stateDir} yet`);
    case 'unread':
      return file.denied
        ? note('journal', `you may not read it: ${file.why}`, undefined, {
            mend: 'run this as root, or as whoever runs the agent',
          })
        : problem('journal', file.why, 'the agent does not start without reading its journal', {
            command: `ls -ld ${settings.stateDir} ${join(settings.stateDir, 'journal')}`,
          });
    case 'damaged':
      return problem('journal', file.why, 'the agent does not start: it would lose what it has', {
        mend: 'docs/journal.md has the ways on',
        command: show(settings.stateDir),
      });
    case 'whole':
      return whole(s, file);
  }
}

function whole(s: Surroundings, file: Extract<JournalFile, { kind: 'whole' }>): Finding {
  const { state, entries, torn, path } = file;
  const running = s.agent.kind !== 'none';
  const found =
    `${path}: ${entries} entries; attachments: ${state.attachments.size}, memports set by hand: ` +
    `${state.memports.size}`;
  const other = foreignTo(s, state);
  if (other !== undefined) {
    return problem('journal', `${path} is of ${other}`, 'the agent does not start on it', {
      mend: 'name the state directory of this brick as "stateDir", or move that journal away',
      command: show(s.settings.stateDir),
    });
  }
  if (file.reserve < RESERVE_SIZE && state.begin !== undefined) {
    return warning(
      'journal',
      `${found}; no ${formatSize(BigInt(RESERVE_SIZE))} are kept in reserve`,
      'the disk was full: should that happen again, even giving memory back may be refused',
      { mend: 'free space there: the agent takes the reserve again', command: 'df -h ' + path },
    );
  }
  if (torn !== undefined && !running) {
    return note(
      'journal',
      `${found}; ${torn.bytes} bytes at its end were never finished`,
      'the agent or the machine died while it wrote: what they announced was not begun, and the next ' +
        'agent drops them',
    );
  }
  const now = readText(join(s.root, 'proc/sys/kernel/random/boot_id'));
  const before = state.begin !== undefined && state.begin.bootId !== now;
  if (before && !running && state.attachments.size > 0) {
    return note('journal', `${found}, from before the last boot`, undefined, {
      mend: 'the agent restores what was attached locally when it starts',
    });
  }
  return ok('journal', found);
}

/** Whose journal it is, where it is not this brick's. */
function foreignTo(
  { brick, settings, config }: Surroundings,
  { begin }: Extract<JournalFile, { kind: 'whole' }>['state'],
): string | undefined {
  if (begin === undefined || config.kind !== 'valid') return undefined;
  const { identity } = begin;
  if (identity.brick !== settings.brick) {
    return `the brick "${identity.brick}", and this one is "${settings.brick}"`;
  }
  if (brick.registers === null) return undefined;
  const registers = registersPlace(brick.registers.backend, brick.registers.at);
  if (identity.registers === registers) return foreignPool(brick, identity.pool);
  return `the registers "${identity.registers}", and this brick has "${registers}"`;
}

/** One that is missing may come back, and the journal goes on to name it. */
function foreignPool(
  { registers, pool }: Surroundings['brick'],
  known: string,
): string | undefined {
  if (registers === null || pool === null || known === NO_POOL) return undefined;
  const own = namedPoolPlace(pool.at);
  return known === own ? undefined : `the pool "${known}", and this brick has "${own}"`;
}

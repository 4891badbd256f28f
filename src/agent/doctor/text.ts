import { formatTable } from '../../common/table.js';
import { LEVELS, type Finding, type Level } from './finding.js';
import type { Report } from './report.js';

const NAMES: Readonly<Record<Level, readonly [one: string, many: string]>> = {
  ok: ['is fine', 'are fine'],
  note: ['note', 'notes'],
  warning: ['warning', 'warnings'],
  problem: ['problem', 'problems'],
};

/** A report for people: all that was looked at, then what is not as it should be, the worst last. */
export function reportText(report: Report): string {
  const { brick, runner, findings } = report;
  const head =
    `${brick ?? 'a brick without a name'}, with the agent as ${runner.name}` +
    (runner.from === 'you' ? ' (you)' : ' (its service)');
  const rows = findings.map(({ area, id, level, found }, i) => [
    findings[i - 1]?.area === area ? '' : area.toUpperCase(),
    id,
    level === 'ok' ? '' : level,
    found,
  ]);
  const worse = LEVELS.filter((level) => level !== 'ok').flatMap((level) =>
    findings.filter((finding) => finding.level === level && hasMore(finding)).map(details),
  );
  const table = formatTable(['', 'CHECK', '', 'FOUND'], rows);
  return [head, table, ...worse, summary(report)].join('\n\n');
}

function hasMore({ cause, mend, command }: Finding): boolean {
  return cause !== null || mend !== null || command !== null;
}

function details({ id, level, found, cause, mend, command }: Finding): string {
  return [
    `${level.toUpperCase()} ${id}: ${found}`,
    ...(cause === null ? [] : [`  why:  ${cause}`]),
    ...(mend === null ? [] : [`  mend: ${mend}`]),
    ...(command === null ? [] : [`  run:  ${command}`]),
  ].join('\n');
}

function summary({ counts }: Report): string {
  const parts = [...LEVELS].reverse().flatMap((level) => {
    const count = counts[level];
    if (count === 0 && level !== 'problem') return [];
    const name = NAMES[level][count === 1 ? 0 : 1];
    return [count === 0 ? `no ${name}` : `${count} ${name}`];
  });
  return parts.join(', ');
}

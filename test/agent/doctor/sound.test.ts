import { describe, expect, it } from 'vitest';
import { CHECKS, type CheckId } from '../../../src/agent/doctor/finding.js';
import { examineCase } from './examining.js';

describe('a brick that is set up as it should be', () => {
  it('has nothing to mend', async () => {
    const { at, report, find } = await examineCase();
    expect(at('problem')).toEqual([]);
    expect(at('warning')).toEqual([]);
    // No agent, no systemd in a made-up tree, and the scratch memport was not asked for.
    expect(at('note')).toEqual(['agent', 'service', 'scratch']);
    expect(report).toMatchObject({ brick: 'b1', agent: 'none', runner: { from: 'you' } });
    expect(find('registers').found).toContain('32 memports, 4 transceivers');
  });

  it('has been looked at in every way that applies to it', async () => {
    const { report } = await examineCase();
    const looked = new Set(report.findings.map(({ id }) => id));
    // A process, and what only systemd knows.
    const others: CheckId[] = ['process', 'watchdog'];
    const missing = (Object.keys(CHECKS) as CheckId[]).filter((id) => !looked.has(id));
    expect(missing.sort()).toEqual(others.sort());
  });
});

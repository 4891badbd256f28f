import { describe, expect, test } from 'vitest';
import { identityOf } from '../../../src/agent/attachments/identity.js';
import { NO_POOL } from '../../../src/agent/attachments/journal.js';
import { namedPoolPlace, poolPlace, registersPlace } from '../../../src/agent/backend/place.js';
import { poolName } from '../../../src/agent/backend/pool.js';
import type { Pool } from '../../../src/agent/backend/types.js';
import type { BackendKind } from '../../../src/agent/types.js';

const PCI = '0000:00:02.0';
const POOL: Pool = { kind: 'bar', pci: '0000:00:03.0', base: 0x80_0000_0000n, size: 1n << 30n };
const REMOTE: Pool = { kind: 'remote', size: 1n << 36n };

/** What an agent makes of a journal. */
function identity(kind: BackendKind, registers: string, pool: Pool | undefined, known?: object) {
  const own = { brick: 'b1', registers: `bar ${PCI}`, pool: 'bar 0000:00:03.0' };
  const begin = { identity: { ...own, ...known }, bootId: 'x' };
  return identityOf({ brick: 'b1' }, { kind, registers, pool }, begin);
}

describe('registers', () => {
  test('of a PCI device are the same by every way', () => {
    for (const kind of ['bar', 'sysfs', 'uio'] as const) {
      expect(registersPlace(kind, PCI)).toBe(`bar ${PCI}`);
      expect(identity(kind, PCI, POOL)).toMatchObject({ registers: `bar ${PCI}` });
    }
  });

  test('of a platform device, too', () => {
    const device = 'a0000000.memport';
    for (const kind of ['sysfs', 'uio'] as const) {
      const known = { registers: `device ${device}`, pool: NO_POOL };
      expect(identity(kind, device, REMOTE, known)).toMatchObject({ pool: 'remote' });
    }
  });

  test('in a file, or of another device, are other ones', () => {
    const foreign = expect.objectContaining({ code: 'SDM_JOURNAL_FOREIGN' }) as Error;
    expect(() => identity('file', PCI, POOL)).toThrow(foreign);
    expect(() => identity('sysfs', '0000:00:04.0', POOL)).toThrow(foreign);
    expect(() => identity('uio', 'a0000000.memport', POOL)).toThrow(foreign);
  });
});

describe('a pool', () => {
  test.each<[Pool, string]>([
    [POOL, 'bar 0000:00:03.0'],
    [{ kind: 'file', path: '/srv/pool', size: 1n }, 'file /srv/pool'],
    [REMOTE, 'remote'],
  ])('%o is known by its place, and by its name', (pool, place) => {
    expect(poolPlace(pool)).toBe(place);
    expect(namedPoolPlace(poolName(pool))).toBe(place);
  });
});

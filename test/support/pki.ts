import { join } from 'node:path';
import type { CertificateRole } from '../../src/common/server/identity.js';
import { initPki, issue } from '../../src/pki/index.js';
import { scratchDir } from './scratch.js';

/** An authority for the tests of one file. */
export interface TestPki {
  readonly dir: string;
  /** @returns the directory with the certificate. */
  issue(role: CertificateRole, name: string, days?: number): Promise<string>;
}

export async function makePki(rack = 'r0'): Promise<TestPki> {
  const dir = join(scratchDir('pki'), 'pki');
  await initPki(dir, rack);
  return {
    dir,
    issue: (role, name, days) => issue(dir, { role, name, ...(days !== undefined && { days }) }),
  };
}

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHECKS, LEVELS } from '../../../src/agent/doctor/finding.js';
import { Finding, Report } from '../../../src/agent/doctor/report.js';

const doc = readFileSync(resolve(import.meta.dirname, '../../../docs/doctor.md'), 'utf8');

describe('docs/doctor.md', () => {
  it('says what each check examines, and names no other', () => {
    const rows = doc.slice(doc.indexOf('| id |')).matchAll(/^\| `([a-z-]+)` \| .+ \| .+ \|$/gm);
    expect([...rows].map(([, id]) => id).sort()).toEqual(Object.keys(CHECKS).sort());
  });

  it('names every level, and every key of the JSON', () => {
    for (const level of LEVELS) expect(doc).toContain(`| \`${level}\` |`);
    for (const key of [...Object.keys(Report.properties), ...Object.keys(Finding.properties)]) {
      expect(doc).toContain(`"${key}"`);
    }
  });
});

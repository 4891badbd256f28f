import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findGroup, lookUpGroup, parseGroups } from '../../src/common/groups.js';

describe('groups in a file', () => {
  it('are none where there are no lines of groups', () => {
    expect(parseGroups('')).toEqual([]);
    expect(parseGroups('\n# no\n')).toEqual([]);
  });

  it('are found by name and by number', () => {
    const groups = parseGroups('root:x:0:\nsdm:x:7:alice,bob\n');
    const sdm = { name: 'sdm', gid: 7, members: ['alice', 'bob'] };
    expect(findGroup(groups, 'sdm')).toEqual(sdm);
    expect(findGroup(groups, '7')).toEqual(sdm);
    expect(findGroup(groups, 'SDM')).toBeUndefined();
  });
});

describe('groups from elsewhere', () => {
  let dir: string;
  const path = process.env['PATH'];
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'sdm-groups-'))));
  afterEach(() => {
    process.env['PATH'] = path;
    rmSync(dir, { recursive: true });
  });

  it('are asked for by getent', async () => {
    const program = join(dir, 'getent');
    writeFileSync(program, '#!/bin/sh\n[ "$*" = "group -- far" ] && echo "far:*:70001:carol"\n');
    chmodSync(program, 0o755);
    process.env['PATH'] = `${dir}:${path}`;
    expect(await lookUpGroup('far')).toEqual({ name: 'far', gid: 70001, members: ['carol'] });
    expect(await lookUpGroup('farther')).toBeUndefined();
  });

  it('are none where there is no getent', async () => {
    process.env['PATH'] = dir;
    expect(await lookUpGroup('root')).toBeUndefined();
  });
});

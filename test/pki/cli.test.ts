import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sdm } from '../support/cli.js';
import { scratchDir } from '../support/scratch.js';

const scratch = scratchDir('pki-cli');

describe('sdm pki', () => {
  it('makes an authority, certificates and tokens, lists and revokes them', async () => {
    const dir = join(scratch, 'pki');
    const pki = (...args: string[]) => sdm(['pki', ...args]);
    expect(await pki('init', dir, '--rack', 'r0')).toMatchObject({ code: 0, stderr: '' });
    const issued = await pki(
      'issue',
      dir,
      '--role',
      'agent',
      '--name',
      '0.0.1',
      '--host',
      'a.example',
      '--host',
      '10.0.0.1',
    );
    expect(issued).toMatchObject({ code: 0, stdout: `${join(dir, 'agent-0.0.1')}\n`, stderr: '' });
    const made = await pki('token', dir, 'alice', '--role', 'viewer');
    expect(made).toMatchObject({ code: 0, stdout: `${join(dir, 'alice.token')}\n` });

    const listed = JSON.parse((await pki('list', dir, '--json')).stdout) as object;
    expect(listed).toMatchObject({
      rack: 'r0',
      certificates: [
        { role: 'agent', name: '0.0.1', state: 'valid', hosts: ['a.example', '10.0.0.1'] },
      ],
      tokens: [{ name: 'alice', role: 'viewer' }],
    });
    const { stdout } = await pki('list', dir);
    expect(stdout).toMatch(/^agent +0\.0\.1 +valid /m);
    expect(stdout).not.toContain(readFileSync(join(dir, 'alice.token'), 'utf8').trim());

    expect(await pki('revoke', dir, '--role', 'agent', '--name', '0.0.1')).toMatchObject({
      code: 0,
    });
    expect(await pki('revoke', dir, '--token', 'alice')).toMatchObject({ code: 0 });
    expect((await pki('list', dir)).stdout).toMatch(/^agent +0\.0\.1 +revoked /m);
  });

  it.each([
    [['issue', '/nowhere', '--role', 'king', '--name', 'a'], /SDM_USAGE: .*--role/],
    [['issue', '/nowhere', '--role', 'agent'], /SDM_USAGE: .*--name/],
    [
      ['issue', '/nowhere', '--role', 'agent', '--name', 'a', '--days', '0'],
      /SDM_USAGE: .*1 to 3650/,
    ],
    [['revoke', '/nowhere'], /SDM_USAGE: name --role and --name/],
    [
      ['revoke', '/nowhere', '--token', 'a', '--role', 'agent'],
      /SDM_USAGE: name --role and --name/,
    ],
  ])('refuses %j as wrong usage', async (args, said) => {
    const { code, stderr } = await sdm(['pki', ...args]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(said) });
  });
});

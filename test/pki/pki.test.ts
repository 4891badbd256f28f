import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashOfToken, readTokens } from '../../src/common/server/tokens.js';
import { loadTls } from '../../src/common/tls.js';
import { initPki, issue, listPki, makeToken, revoke, revokeToken } from '../../src/pki/index.js';
import { makePki } from '../support/pki.js';
import { scratchDir } from '../support/scratch.js';

const scratch = scratchDir('pki');

function openssl(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('openssl', args, {
    encoding: 'utf8',
    timeout: 20_000,
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** Modes of all that is below a directory. */
function modesBelow(dir: string): string[] {
  return (readdirSync(dir, { recursive: true, withFileTypes: true }) as import('node:fs').Dirent[])
    .map((entry) => ({ entry, mode: statSync(join(entry.parentPath, entry.name)).mode & 0o777 }))
    .filter(({ entry, mode }) => mode !== (entry.isDirectory() ? 0o700 : 0o600))
    .map(({ entry, mode }) => `${entry.name} ${mode.toString(8)}`);
}

describe('the PKI of a rack', () => {
  it('vouches for who it issued to, for what openssl checks, with nothing open to others', async () => {
    const dir = join(scratch, 'deep/er/pki');
    await initPki(dir, 'r0');
    const agent = await issue(dir, {
      role: 'agent',
      name: '0.0.1',
      hosts: ['a.example', '10.0.0.1', '::1'],
    });
    const person = await issue(dir, { role: 'operator', name: 'alice', days: 7 });
    const verify = (purpose: string, of: string): string =>
      openssl(
        'verify',
        '-x509_strict',
        '-purpose',
        purpose,
        '-CAfile',
        join(dir, 'ca.pem'),
        join(of, 'cert.pem'),
      );
    expect(verify('sslserver', agent)).toContain('OK');
    expect(verify('sslclient', agent)).toContain('OK');
    expect(verify('sslclient', person)).toContain('OK');
    expect(() => verify('sslserver', person)).toThrow(/purpose/);
    const text = openssl('x509', '-in', join(agent, 'cert.pem'), '-noout', '-text');
    expect(text).toMatch(/NIST CURVE: P-256/);
    expect(text).toContain('CA:FALSE');
    expect(text).toContain('URI:spiffe://r0/agent/0.0.1, DNS:a.example, IP Address:10.0.0.1');
    expect(modesBelow(dir)).toEqual([]);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(readdirSync(agent).sort()).toEqual(['ca.pem', 'cert.pem', 'key.pem', 'revoked.json']);
    expect(readdirSync(dir).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('overwrites nothing', async () => {
    const { dir, issue: again } = await makePki();
    const ca = readFileSync(join(dir, 'ca.key'), 'utf8');
    await expect(initPki(dir, 'r0')).rejects.toMatchObject({ code: 'SDM_CONFLICT' });
    const path = await again('agent', 'a');
    const key = readFileSync(join(path, 'key.pem'), 'utf8');
    await expect(again('agent', 'a')).rejects.toMatchObject({ code: 'SDM_CONFLICT' });
    makeToken(dir, 'x', 'viewer');
    expect(() => makeToken(dir, 'x', 'admin')).toThrow(
      expect.objectContaining({ code: 'SDM_CONFLICT' }),
    );
    expect(readFileSync(join(dir, 'ca.key'), 'utf8')).toBe(ca);
    expect(readFileSync(join(path, 'key.pem'), 'utf8')).toBe(key);

    const other = join(scratch, 'mine');
    mkdirSync(other);
    writeFileSync(join(other, 'diary'), 'dear');
    await expect(initPki(other, 'r0')).rejects.toMatchObject({ code: 'SDM_CONFLICT' });
    expect(readdirSync(other)).toEqual(['diary']);
  });

  it('issues many at once, each with a serial number of its own', async () => {
    const pki = await makePki();
    const names = Array.from({ length: 12 }, (_, i) => `0.0.${i}`);
    await Promise.all([...names, '0.0.0'].map((name) => pki.issue('agent', name).catch(() => {})));
    const { certificates } = listPki(pki.dir);
    expect(new Set(certificates.map(({ serial }) => serial)).size).toBe(certificates.length);
    expect(new Set(certificates.map(({ name }) => name))).toEqual(new Set(names));
    for (const name of names)
      expect(loadTls(join(pki.dir, `agent-${name}`), true).id?.name).toBe(name);
  });

  it('revokes, says so everywhere below it, and issues again', async () => {
    const pki = await makePki();
    const [a, b] = [await pki.issue('agent', 'a'), await pki.issue('controller', 'b')];
    const { serial } = listPki(pki.dir).certificates.find(({ name }) => name === 'a')!;
    expect(revoke(pki.dir, 'agent', 'a')).toBe(1);
    expect(existsSync(a)).toBe(false);
    for (const where of [pki.dir, b]) {
      expect(readFileSync(join(where, 'revoked.json'), 'utf8')).toContain(serial);
    }
    expect(() => revoke(pki.dir, 'agent', 'a')).toThrow(/has no certificate that could be revoked/);
    await pki.issue('agent', 'a');
    expect(
      listPki(pki.dir)
        .certificates.map(({ name, state }) => `${name} ${state}`)
        .sort(),
    ).toEqual(['a revoked', 'a valid', 'b valid']);
    expect(readFileSync(join(a, 'revoked.json'), 'utf8')).toContain(serial);
  });

  it('keeps of a token what tells nothing of it', async () => {
    const { dir } = await makePki();
    const path = makeToken(dir, 'alice', 'operator');
    const text = readFileSync(path, 'utf8').trim();
    expect(text).toMatch(/^sdm_[A-Za-z0-9_-]{43}$/);
    expect(readFileSync(join(dir, 'tokens.json'), 'utf8')).not.toContain(text);
    expect(readTokens(join(dir, 'tokens.json'))).toEqual([
      { name: 'alice', role: 'operator', sha256: hashOfToken(text) },
    ]);
    revokeToken(dir, 'alice');
    expect(existsSync(path)).toBe(false);
    expect(readTokens(join(dir, 'tokens.json'))).toEqual([]);
    expect(() => revokeToken(dir, 'alice')).toThrow(
      expect.objectContaining({ code: 'SDM_NOT_FOUND' }),
    );
  });

  it.each([
    ['a rack', (dir: string) => initPki(join(dir, 'new'), 'r 0')],
    ['a name', (dir: string) => issue(dir, { role: 'agent', name: '../x' })],
    [
      'a host',
      (dir: string) =>
        issue(dir, { role: 'agent', name: 'x', hosts: ['a,URI:spiffe://r0/controller/c'] }),
    ],
    [
      'a host with a line',
      (dir: string) => issue(dir, { role: 'agent', name: 'x', hosts: ['a\nURI = b'] }),
    ],
  ])('refuses %s that would be another in a certificate', async (_, act) => {
    const { dir } = await makePki();
    const before = readdirSync(dir, { recursive: true }).sort();
    await expect(act(dir)).rejects.toMatchObject({ code: 'SDM_INPUT' });
    expect(readdirSync(dir, { recursive: true }).sort()).toEqual(before);
  });

  it('says what to do where there is no authority, or no openssl', async () => {
    await expect(issue(join(scratch, 'none'), { role: 'agent', name: 'x' })).rejects.toMatchObject({
      code: 'SDM_PKI',
      message: expect.stringContaining('sdm pki init'),
    });
    const path = process.env['PATH'];
    process.env['PATH'] = scratch;
    try {
      await expect(initPki(join(scratch, 'no-openssl'), 'r0')).rejects.toMatchObject({
        code: 'SDM_COMMAND',
        message: expect.stringContaining('apt install openssl'),
      });
    } finally {
      process.env['PATH'] = path;
    }
    expect(existsSync(join(scratch, 'no-openssl'))).toBe(false);
  });
});

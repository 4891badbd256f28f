import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadTls, spiffeIdOf, spiffeText } from '../../src/common/tls.js';
import { makePki } from '../support/pki.js';

const part = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);

describe('who a certificate stands for', () => {
  it('is read from its one URI', () => {
    fc.assert(
      fc.property(fc.record({ rack: part, role: part, name: part }), (id) => {
        const uri = `URI:${spiffeText(id)}`;
        expect(spiffeIdOf(uri)).toEqual(id);
        expect(spiffeIdOf(`DNS:a.example, ${uri}, IP Address:10.0.0.1`)).toEqual(id);
      }),
    );
  });

  it.each([
    undefined,
    '',
    'DNS:spiffe://r0/agent/a',
    'URI:spiffe://r0/agent',
    'URI:spiffe://r0/agent/a/b',
    'URI:spiffe://r0/agent/a?b',
    'URI:http://r0/agent/a',
    'URI:spiffe://r0/agent/a, URI:spiffe://r0/controller/b',
    // node quotes a name that holds what separates names
    'DNS:"x, URI:spiffe://r0/controller/main, y"',
    'URI:spiffe://r0/agent/a, DNS:"x, URI:spiffe://r0/controller/main"',
  ])('is nobody where that could be doubted: %s', (names) => {
    expect(spiffeIdOf(names)).toBeUndefined();
  });
});

describe('a directory of the PKI', () => {
  it('is read, with who it is of', async () => {
    const pki = await makePki('rack-7');
    const material = loadTls(await pki.issue('agent', '0.0.1'), true);
    expect(material.id).toEqual({ rack: 'rack-7', role: 'agent', name: '0.0.1' });
    expect(loadTls(pki.dir, false)).toMatchObject({ ca: expect.stringContaining('BEGIN CERT') });
  });

  it('is refused where something is missing, no certificate, or open to others', async () => {
    const pki = await makePki();
    expect(() => loadTls(pki.dir, true)).toThrow(/cert\.pem: cannot be read \(ENOENT\)/);
    const dir = await pki.issue('agent', 'a');
    chmodSync(join(dir, 'key.pem'), 0o640);
    expect(() => loadTls(dir, true)).toThrow(/others may read this key \(mode 0640\)/);
    chmodSync(join(dir, 'key.pem'), 0o600);
    writeFileSync(join(dir, 'cert.pem'), 'x');
    expect(() => loadTls(dir, true)).toThrow(/cert\.pem: this is no certificate/);
    rmSync(join(dir, 'ca.pem'));
    expect(() => loadTls(dir, true)).toThrow(/ca\.pem: cannot be read/);
  });

  it('is refused where the key is of another certificate', async () => {
    const pki = await makePki();
    const [a, b] = [await pki.issue('agent', 'a'), await pki.issue('agent', 'b')];
    const { cert } = loadTls(b, true);
    writeFileSync(join(a, 'cert.pem'), cert!);
    expect(() => loadTls(a, true)).toThrow(/key\.pem: this is not the key of the certificate/);
  });
});

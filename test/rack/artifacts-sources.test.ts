import { describe, expect, it } from 'vitest';
import {
  formatSources,
  parseDeb822,
  parseOneLine,
  releaseSources,
  withSuite,
} from '../../src/rack/artifacts/sources.js';

const DEB822 = `
# comment
Types: deb deb-src
URIs: http://archive.invalid/debian http://second.invalid/debian
Suites: bookworm bookworm-updates
Components: main contrib
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://archive.invalid/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
URIs: https://vendor.invalid/apt
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://archive.invalid/debian
Suites: bookworm-backports
Components: main

Types: deb-src
URIs: http://archive.invalid/debian
Suites: bookworm
Components: main
`;

const ONE_LINE = `
deb http://archive.invalid/debian bookworm main non-free-firmware # comment
#deb http://off.invalid/debian bookworm main
deb-src http://archive.invalid/debian bookworm main
deb [arch=amd64,arm64 signed-by=/k.gpg check-valid-until=no] http://archive.invalid/debian bookworm-backports main
deb http://archive.invalid/debian-security bookworm-security main
deb http://old.invalid/debian bullseye main
deb http://no-components.invalid/debian
`;

describe('parseDeb822', () => {
  it.each(['', '\n\n', 'no fields at all', 'Types: deb-src\nURIs: x\nSuites: y\n'])(
    'finds nothing in %j',
    (text) => {
      expect(parseDeb822(text)).toEqual([]);
    },
  );

  it('reads enabled binary entries and keeps what says whom to trust', () => {
    const sources = parseDeb822(DEB822);
    expect(sources.map(({ suites }) => suites.join(' '))).toEqual([
      'bookworm bookworm-updates',
      'bookworm-security',
      'nodistro',
    ]);
    expect(sources[0]?.options).toEqual({
      'Signed-By': '/usr/share/keyrings/debian-archive-keyring.gpg',
    });
    expect(sources[1]?.options['Signed-By']).toContain('\n .\n abc');
  });
});

describe('parseOneLine', () => {
  it('reads entries with their options and leaves architectures out', () => {
    const sources = parseOneLine(ONE_LINE);
    expect(sources).toHaveLength(4);
    expect(sources[1]).toEqual({
      uris: ['http://archive.invalid/debian'],
      suites: ['bookworm-backports'],
      components: ['main'],
      options: { 'Signed-By': '/k.gpg', 'Check-Valid-Until': 'no' },
    });
  });
});

describe('releaseSources', () => {
  const sources = [...parseDeb822(DEB822), ...parseOneLine(ONE_LINE)];

  it('takes only main of this release', () => {
    expect(releaseSources(sources, 'trixie')).toEqual([]);
    const own = releaseSources(sources, 'bookworm');
    expect(new Set(own.flatMap(({ components }) => components))).toEqual(new Set(['main']));
    expect(own.flatMap(({ suites }) => suites)).toEqual([
      'bookworm',
      'bookworm-updates',
      'bookworm-security',
      'bookworm',
      'bookworm-backports',
      'bookworm-security',
    ]);
  });

  it('puts MIRROR in the place of the archive and leaves security where it is', () => {
    const mirror = 'http://mirror.invalid/debian';
    for (const { suites, uris } of releaseSources(sources, 'bookworm', mirror)) {
      expect(uris.includes(mirror)).toBe(!suites.includes('bookworm-security'));
    }
  });

  it('is written so that it reads the same again', () => {
    const own = releaseSources(sources, 'bookworm');
    expect(parseDeb822(formatSources(own))).toEqual(own);
  });

  it('is written for packages, or for their sources as well', () => {
    const own = releaseSources(sources, 'bookworm');
    expect(formatSources(own)).toMatch(/^Types: deb$/m);
    expect(formatSources(own)).not.toContain('deb-src');
    expect(formatSources(own, ['deb', 'deb-src']).match(/^Types: deb deb-src$/gm)).toHaveLength(
      own.length,
    );
  });
});

describe('withSuite', () => {
  it('gets one more suite from where the release itself is, and from nowhere else', () => {
    const own = releaseSources(parseDeb822(DEB822), 'bookworm');
    expect(withSuite(own, 'bookworm', 'bookworm-backports')).toEqual([
      { ...own[0], suites: ['bookworm', 'bookworm-updates', 'bookworm-backports'] },
      own[1],
    ]);
  });

  it('leaves everything where a source has it already', () => {
    const own = releaseSources(parseOneLine(ONE_LINE), 'bookworm');
    expect(withSuite(own, 'bookworm', 'bookworm-backports')).toEqual(own);
  });
});

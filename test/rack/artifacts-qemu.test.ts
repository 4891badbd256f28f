import { describe, expect, it } from 'vitest';
import { parseSources, type SourcePackage } from '../../src/rack/artifacts/apt.js';
import { newestOf } from '../../src/rack/artifacts/qemu-source.js';

const [OLD, NEW, SIGNATURE] = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
const LISTS = `
Package: qemu
Binary: qemu-system-arm, qemu-utils
Version: 1:7.2+dfsg-7+deb12u18
Checksums-Sha256:
 ${SIGNATURE} 6909 qemu_7.2+dfsg-7+deb12u18.dsc
 ${OLD} 23523172 qemu_7.2+dfsg.orig.tar.xz
 ${SIGNATURE} 405636 qemu_7.2+dfsg-7+deb12u18.debian.tar.xz
Directory: pool/main/q/qemu

Package: qemu
Version: 1:10.0.2+ds-2+deb13u1~bpo12+1
Files:
 0123456789abcdef0123456789abcdef 39449628 qemu_10.0.2+ds.orig.tar.xz
Checksums-Sha256:
 ${SIGNATURE} 833 qemu_10.0.2+ds.orig.tar.xz.asc
 ${NEW} 39449628 qemu_10.0.2+ds.orig.tar.xz

Package: native-one
Version: 1
Checksums-Sha256:
 ${OLD} 1 native-one_1.tar.xz
`;

describe('parseSources', () => {
  it('reads versions and the archives of the authors themselves', () => {
    expect(parseSources(LISTS)).toEqual([
      {
        name: 'qemu',
        version: '1:7.2+dfsg-7+deb12u18',
        archive: 'qemu_7.2+dfsg.orig.tar.xz',
        sha256: OLD,
      },
      {
        name: 'qemu',
        version: '1:10.0.2+ds-2+deb13u1~bpo12+1',
        archive: 'qemu_10.0.2+ds.orig.tar.xz',
        sha256: NEW,
      },
    ]);
  });

  it('finds nothing in nothing', () => {
    expect(parseSources('')).toEqual([]);
    expect(parseSources('W: no sources here\n')).toEqual([]);
  });
});

describe('newestOf', () => {
  const all = ['10.0.2+ds', '10.0.10+ds', '10.0.9+ds', '10.1.0+ds', '100.0.1', '7.2+dfsg'].map(
    (version): SourcePackage => ({
      name: 'qemu',
      version: `1:${version}-1`,
      archive: `qemu_${version}.orig.tar.xz`,
      sha256: '',
    }),
  );

  it('takes the last point release of the series', () => {
    expect(newestOf(all, '10.0')?.version).toBe('1:10.0.10+ds-1');
    expect(newestOf(all, '100.0')?.version).toBe('1:100.0.1-1');
  });

  it.each(['10.2', '9.0', '0.2', '7.2'])('finds none of %s', (series) => {
    expect(newestOf(all, series)).toBeUndefined();
  });
});

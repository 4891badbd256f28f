import { describe, expect, test } from 'vitest';
import { newFile } from '../support/patch.js';
import { readText } from './tables.js';

const SERIES = 'qemu-patches/10.0';
const IN_QEMU = 'include/hw/mem/sdm-memport-abi.h';

/** The texts of the patches of the series, in order. */
function patches(): string[] {
  return readText(`${SERIES}/series`)
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((name) => readText(`${SERIES}/${name}`));
}

describe('native/abi/memport.h', () => {
  // What is built apart from the rest carries a copy.
  test.each(['kernel/module/sdmc/memport.h'])('is byte for byte %s', (copy) => {
    expect(readText(copy)).toBe(readText('native/abi/memport.h'));
  });

  // Of QEMU's files all have QEMU's licence, which their first line names.
  test('is byte for byte what the series adds to QEMU, once, but for the licence', () => {
    const copies = patches()
      .map((patch) => newFile(patch, IN_QEMU))
      .filter((text) => text !== undefined);
    const [, ...own] = readText('native/abi/memport.h').split('\n');
    const licence = '/* SPDX-License-Identifier: GPL-2.0-or-later */';
    expect(copies).toEqual([[licence, ...own].join('\n')]);
  });
});

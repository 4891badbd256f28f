import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kernelModules } from '../../src/rack/kernel-modules.js';

/** As far as anybody reads it here. */
const module = (...depends: string[]): string => `\x7fELF\0depends=${depends.join(',')}\0`;

let tree: string;
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'sdm-stock-'));
  write('kernel/drivers/dax/kmem.ko', module('dax'));
  write('kernel/drivers/dax/hmem/dax_hmem.ko', module('base-part', 'dax'));
  write('kernel/lib/base-part.ko', module());
  execFileSync('xz', readdirSync(tree, { recursive: true, encoding: 'utf8' }).filter(isFile), {
    cwd: tree,
  });
  write('modules.builtin', 'kernel/drivers/dax/dax.ko\n');
});
afterEach(() => rmSync(tree, { recursive: true }));

const isFile = (name: string): boolean => name.endsWith('.ko');
function write(name: string, text: string): void {
  mkdirSync(dirname(join(tree, name)), { recursive: true });
  writeFileSync(join(tree, name), text);
}
const modules = (...names: string[]) =>
  kernelModules({ kernelModules: tree, kernelRelease: '6.12.1-test' }, names);

describe('kernelModules', () => {
  it('finds them, with what they depend on before them and without what is built in', async () => {
    const found = await modules('dax_hmem', 'kmem');
    expect(found.map((file) => [file.path, 'data' in file && String(file.data)])).toEqual([
      ['/brick/modules-extra/00-base_part.ko', module()],
      ['/brick/modules-extra/01-dax_hmem.ko', module('base-part', 'dax')],
      ['/brick/modules-extra/02-kmem.ko', module('dax')],
    ]);
  });

  it('says which one the kernel does not have', async () => {
    await expect(modules('kmem', 'no_such_module')).rejects.toMatchObject({
      code: 'SDM_ARTIFACT',
      message: 'Kernel 6.12.1-test has no module "no_such_module".',
    });
  });

  it('says that one is damaged', async () => {
    write('kernel/drivers/dax/kmem.ko.xz', 'not compressed');
    await expect(modules('kmem')).rejects.toMatchObject({
      code: 'SDM_COMMAND',
      message: expect.stringContaining('kmem.ko.xz'),
    });
  });
});

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';

const PATCHES = join(projectDir(), 'qemu-patches');

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sdm-qemu-patches-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Ended {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...env },
  });
  return { code: status, stdout, stderr };
}

/** An archive of something that looks like QEMU's sources as far as they are looked at. */
function archive(files: Readonly<Record<string, string>>): string {
  const top = mkdtempSync(join(scratch, 'source-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(top, 'qemu-1.0', path, '..'), { recursive: true });
    writeFileSync(join(top, 'qemu-1.0', path), text, { mode: 0o755 });
  }
  const path = join(top, 'qemu.orig.tar.xz');
  expect(run('tar', ['-cJf', path, '-C', top, 'qemu-1.0']).code).toBe(0);
  return path;
}

describe('qemu-patches/build', () => {
  const build = join(PATCHES, 'build');

  it('says what it can', () => {
    const { code, stdout } = run(build, ['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Builds QEMU/);
    expect(stdout).toMatch(/JOBS is the number of compilers.*\n$/);
  });

  it.each([
    [[], /build \[OPTIONS\] SOURCE OUT/],
    [['--target'], /--target needs a value/],
    [['--target', 'sparc', 'a', 'b'], /--target is aarch64 or x86_64, not sparc/],
    [['--nonsense', 'a', 'b'], /there is no option --nonsense/],
    [['/nowhere/qemu.tar.xz', 'b'], /there are no sources \/nowhere/],
    [['/etc/hostname', '/etc'], /\/etc is not empty/],
    [['--few-devices', '--target', 'x86_64', '/etc/hostname', 'b'], /there is no devices\/x86_64/],
  ])('refuses %j', (args, sentence) => {
    const { code, stdout, stderr } = run(build, args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
  });

  it('says of an archive with something else that it is not QEMU', () => {
    const { code, stderr } = run(build, [archive({ README: 'x' }), join(scratch, 'other')]);
    expect(code).toBe(1);
    expect(stderr).toContain('holds no sources of QEMU');
  });

  /** The script beside a series of other files. */
  function buildWith(series: Readonly<Record<string, string>>): string {
    const own = mkdtempSync(join(scratch, 'own-'));
    cpSync(build, join(own, 'build'));
    mkdirSync(join(own, '10.0'));
    for (const [name, text] of Object.entries(series)) {
      writeFileSync(join(own, '10.0', name), text);
    }
    return join(own, 'build');
  }

  it('names the patch that does not apply, and says what it has left', () => {
    const patch = (to: string): string =>
      `--- a/VERSION\n+++ b/VERSION\n@@ -1,1 +1,1 @@\n-${to === '2' ? 'first' : 'second'}\n+${to}\n`;
    const own = buildWith({
      '1.patch': patch('2'),
      '2.patch': patch('3'),
      series: '# a comment\n\n1.patch\n2.patch\n',
    });
    const source = archive({ VERSION: 'first\n', configure: '', 'pc-bios/meson.build': '' });
    const out = join(scratch, 'bad');
    const { code, stdout, stderr } = run(own, [source, out]);
    expect(code).toBe(1);
    expect(stdout).toContain('patch 1.patch\npatch 2.patch\n');
    expect(stderr).toContain('2.patch does not apply');
    expect(run(own, [source, out])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`remove ${out}`) as string,
    });
  });

  it.each([
    ['there is no series', { '1.patch': '' }, /there is no .*10\.0\/series/],
    ['a series is empty', { series: '# nothing\n\n' }, /names no patch/],
    ['a patch is not in the series', { '1.patch': '', '2.patch': '', series: '1.patch\n' }, /> 2/],
    ['a patch of the series is not there', { '1.patch': '', series: '1.patch\n2.patch\n' }, /< 2/],
    ['a patch is in it twice', { '1.patch': '', series: '1.patch\n1.patch\n' }, /< 1\.patch/],
  ])('builds no QEMU where %s', (_name, series, sentence) => {
    const source = archive({ VERSION: 'first\n', configure: '', 'pc-bios/meson.build': '' });
    for (const args of [
      [source, join(scratch, 'none')],
      ['--checkpatch', source],
    ]) {
      const { code, stdout, stderr } = run(buildWith(series), args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(sentence);
    }
  });
});

describe('qemu-patches/run-tests', () => {
  /** Runs these programs as if they were qtests of one target. */
  function runTests(programs: Readonly<Record<string, string>>, names: string[] = []): Ended {
    const out = mkdtempSync(join(scratch, 'out-'));
    mkdirSync(join(out, 'test'));
    writeFileSync(join(out, 'qemu-system-mips'), '');
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(out, 'test', name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    }
    return run(join(PATCHES, 'run-tests'), [out, ...names], { DEADLINE: '2' });
  }
  const good = 'echo 1..2; echo "ok 1 /a"; echo "# said"; echo "ok 2 /b # SKIP no KVM"';

  it('counts cases, and shows nothing of what went well', () => {
    expect(runTests({ 'a-test': good })).toEqual({
      code: 0,
      stdout:
        'ok - mips a-test /a\nskip - mips a-test /b # SKIP no KVM\n1 passed, 0 failed, 1 skipped\n',
      stderr: '',
    });
  });

  it('gives programs the QEMU to test', () => {
    const text =
      '[[ $QTEST_QEMU_BINARY == */qemu-system-mips && $* == "--tap -k" ]] && echo "ok 1 /a"';
    expect(runTests({ 'a-test': `echo 1..1; ${text}` }).code).toBe(0);
  });

  it('runs those that are named', () => {
    const { stdout } = runTests({ 'a-test': good, 'b-test': good }, ['b-test']);
    expect(stdout).not.toContain('a-test');
    expect(stdout).toContain('1 passed');
  });

  it.each([
    [
      'a case fails',
      'echo 1..2; echo "not ok 1 /a"; echo "ok 2 /b"; exit 1',
      /not ok - mips a-test \/a\n/,
    ],
    ['it crashes', 'echo 1..2; echo "ok 1 /a"; kill -ABRT $$', /ended with 134 after 1 of 2 cases/],
    ['cases are missing', 'echo 1..2; echo "ok 1 /a"', /ended with 0 after 1 of 2 cases/],
    ['it has no cases', 'echo 1..0', /ended with 0 after 0 of 0 cases/],
    [
      'all cases are skipped',
      'echo 1..1; echo "ok 1 /a # SKIP no KVM"',
      /\(skipped all of its 1 cases\)/,
    ],
    ['others kill it', 'echo 1..1; kill -KILL $$', /ended with 137 after 0 of 1 cases/],
    ['it says nothing', ':', /ended with 0 after 0 of no cases/],
    ['it fails at the end', 'echo 1..1; echo "ok 1 /a"; exit 3', /ended with 3 after 1 of 1 cases/],
    ['it hangs', 'echo 1..1; exec tail -f /dev/null', /did not end within 2 s/],
  ])('fails where %s', (_name, text, sentence) => {
    const { code, stdout } = runTests({ 'a-test': `echo "# why"; ${text}`, 'b-test': good });
    expect(code).toBe(1);
    expect(stdout).toMatch(sentence);
    expect(stdout).toContain('\n    # why\n');
    // The next program is not the worse for it.
    expect(stdout).toContain('ok - mips b-test /a\n');
    expect(stdout).toMatch(/\n\d passed, 1 failed, [12] skipped\n$/);
  });

  it('says where there are no programs', () => {
    const { code, stderr } = run(join(PATCHES, 'run-tests'), [scratch]);
    expect(code).toBe(2);
    expect(stderr).toContain('has no test/');
  });
});

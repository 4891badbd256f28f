import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { BLOCK_MAX } from '../../src/abi/constants.js';
import { run } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';
import { native } from '../../src/native/index.js';
import { createRegisters } from '../../src/rack/registers.js';
import { ensureOwnKernel, type OwnKernel } from '../../src/rack/artifacts/own-kernel.js';
import { compileForGuest, KERNEL_TESTS } from '../support/guest-tests.js';
import { memoryDir } from '../support/scratch.js';

const KERNEL = join(projectDir(), 'kernel');
/** The first build of a kernel on a machine that does other things, too. */
const BUILD_MS = 90 * 60_000;
const SOAK = process.env['SDM_SOAK'] !== undefined;
/** What debug.sh runs. Each process that sdmc_mem.sh starts takes a tenth of a second: for soak. */
const SUITES = ['kunit.sh', 'sdmc.sh', ...(SOAK ? ['sdmc_mem.sh'] : []), 'sdmc_mem_ways.sh'];
/**
 * Random writes into each attribute and round, after which the log is looked at: over 10,000 in all,
 * and 10,000 into each in soak.
 */
const [ROUNDS, WRITES] = SOAK ? [40, 250] : [2, 210];
/** What boot.sh may take; run() would leave its files behind. */
const BOOT_SECONDS = SOAK ? 7200 : 1500;
const MIB = 1 << 20;

const work = memoryDir('own-kernel');
let kernel: OwnKernel;

beforeAll(async () => {
  kernel = await ensureOwnKernel({ debug: true });
}, BUILD_MS);

/** Builds modules for a kernel of our own: the paths of the .ko files. */
async function modules({ headers }: OwnKernel): Promise<string[]> {
  const out = mkdtempSync(join(work, 'modules-'));
  const make = ['make', '-C', KERNEL, 'module', 'kunit-module'] as const;
  await run([...make, `KDIR=${headers}`, `OUT=${out}`], { timeoutMs: 600_000 });
  const built = readdirSync(out, { recursive: true })
    .map((name) => join(out, String(name)))
    .filter((path) => path.endsWith('.ko'));
  for (const path of built) await run(['aarch64-linux-gnu-strip', '--strip-debug', path]);
  return built;
}

/** Registers as a rack makes them, and those of a second device, of which there are two views. */
async function devices(): Promise<NodeJS.ProcessEnv> {
  const [first, second] = [join(work, 'registers'), join(work, 'second')];
  await createRegisters(first, BigInt(1024 * MIB));
  writeFileSync(second, Buffer.alloc(BLOCK_MAX));
  native.formatRegisters({ path: second }, { profile: 'zynq' });
  const memory = `share=on,size=${BLOCK_MAX},mem-path=${second}`;
  const more = ['07.0', '08.0'].flatMap((address, i) => [
    ...['-object', `memory-backend-file,id=second${i},${memory}`],
    ...['-device', `ivshmem-plain,memdev=second${i},addr=${address}`],
  ]);
  return { REGISTERS: first, DEVICES: more.join(' ') };
}

/** Boots a kernel with a script of kernel/tests. Gives all that came over the serial console. */
async function boot(
  { image, busybox }: OwnKernel,
  script: string,
  files: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const { stdout } = await run(
    [join(KERNEL_TESTS, 'boot.sh'), image, busybox, join(KERNEL_TESTS, script), ...files],
    {
      env: { ...process.env, POOL_DIR: work, DEADLINE: String(BOOT_SECONDS), ...env },
      timeoutMs: (BOOT_SECONDS + 60) * 1000,
      // 1: a test failed; the others: the machine ended before its test did, and was ended.
      okCodes: [0, 1, 124],
    },
  );
  return stdout;
}

/** The results of a script, and of what it ran. */
const results = (tap: string): string[] => tap.match(/^ *(not )?ok \d+ - .*$/gm) ?? [];
/** What failed, or ended too early: with the kernel's messages if they were shown. */
const failures = (tap: string): string[] => tap.match(/^ *(not ok|Bail out!|# ).*$/gm) ?? [];

describe('the configuration', () => {
  const check = (...args: readonly string[]) =>
    run([join(KERNEL, 'build'), '--debug', ...args, '--check', kernel.config], {
      okCodes: [0, 1],
    });

  it('is what the fragments ask for', async () => {
    expect(await check()).toMatchObject({ code: 0, stderr: '' });
  });

  it('is refused where it is not, symbol by symbol', async () => {
    const fragment = join(work, 'more.config');
    writeFileSync(
      fragment,
      '# CONFIG_A_COMMENT=y\nCONFIG_NO_SUCH_SYMBOL=y\nCONFIG_KUNIT=m\nCONFIG_NODES_SHIFT=3\n' +
        'CONFIG_KASAN=n\nCONFIG_NEITHER_THIS=n\nCONFIG_NUMA=y\n',
    );
    const { code, stderr } = await check('--fragment', fragment);
    expect(code).toBe(1);
    expect(stderr.trim().split('\n')).toEqual([
      'build: asked for CONFIG_NO_SUCH_SYMBOL=y, got nothing',
      'build: asked for CONFIG_KUNIT=m, got CONFIG_KUNIT=y',
      'build: asked for CONFIG_NODES_SHIFT=3, got CONFIG_NODES_SHIFT=4',
      'build: asked for # CONFIG_KASAN is not set, got CONFIG_KASAN=y',
      expect.stringMatching(/^build: 4 symbols are not as the fragments ask/),
    ]);
  });
});

describe('on a kernel that watches itself', () => {
  let tap: string;

  beforeAll(
    async () => {
      const files = [
        ...(await modules(kernel)),
        ...(await Promise.all(
          ['sdmtool', 'sdmctool', 'attrfuzz'].map((name) => compileForGuest(name, work)),
        )),
        ...SUITES.map((name) => join(KERNEL_TESTS, name)),
      ];
      const seed = Date.now() & 0x7fffffff;
      tap = await boot(kernel, 'debug.sh', files, {
        ...(await devices()),
        ARGS: `${seed} ${ROUNDS} ${WRITES}`,
        CYCLES: '3',
        // The shadow of memory that is added comes from what is there.
        MEMORY: '1536',
        APPEND: 'oops=panic log_buf_len=8M',
      });
    },
    (BOOT_SECONDS + 600) * 1000,
  );

  it('all tests come to their end', () => {
    const plan = /^1\.\.(\d+)$/m.exec(tap);
    expect(plan, tap.slice(-20_000)).not.toBeNull();
    expect(tap.match(/^(not )?ok \d+/gm)).toHaveLength(Number(plan?.[1]));
    expect(tap).toMatch(/^# exit status 0$/m);
  });

  it('all tests pass, and the kernel sees nothing wrong', () => {
    const failed = results(tap).filter((line) => line.trim().startsWith('not ok'));
    expect(failed, failures(tap).join('\n').slice(0, 20_000)).toEqual([]);
    expect(tap).not.toMatch(/Bail out!/);
  });

  it('every script ran, and some tests in each', () => {
    const [ran, ...inside] = [/^ok \d+ - (\w+\.sh)$/gm, /^ {4}1\.\.([1-9]\d*)$/gm].map((pattern) =>
      [...tap.matchAll(pattern)].map(([, found]) => found),
    );
    expect(ran).toEqual(SUITES);
    expect(inside[0]).toHaveLength(SUITES.length);
  });

  it('every suite of KUnit ran', () => {
    const dir = join(KERNEL_TESTS, 'kunit');
    const suites = readdirSync(dir)
      .map((name) => /\.name = "(\w+)",/.exec(readFileSync(join(dir, name), 'utf8'))?.[1])
      .filter((name) => name !== undefined);
    expect(suites.length).toBeGreaterThan(3);
    for (const suite of suites) {
      const cases = results(tap).filter((line) => line.includes(` - ${suite}: `));
      expect(cases).toContainEqual(expect.stringMatching(/ok \d+ - \w+: ran to its end$/));
      expect(cases.length).toBeGreaterThan(1);
    }
  });

  it('every attribute was written to, and some of it was accepted', () => {
    const rounds = [
      ...tap.matchAll(/^# attrfuzz: seed \d+, (\d+) attributes .* (\d+) writes into each/gm),
    ];
    expect(rounds).toHaveLength(ROUNDS);
    const all = rounds.reduce((sum, [, attributes]) => sum + Number(attributes) * WRITES, 0);
    expect(all).toBeGreaterThan(10_000);
    for (const [, attributes, writes] of rounds) {
      expect(Number(attributes)).toBeGreaterThan(20);
      expect(Number(writes)).toBe(WRITES);
    }
    const done = [...tap.matchAll(/^# attrfuzz: (\d+) writes accepted, (\d+) refused$/gm)];
    for (const [, accepted, refused] of done) {
      expect(Number(accepted)).toBeGreaterThan(50);
      expect(Number(refused)).toBeGreaterThan(50);
    }
  });
});

// A kernel for each: cheap only when they are in the cache.
if (SOAK) {
  describe.each([
    ['16k', 16, 128],
    ['64k', 64, 512],
  ] as const)('with pages of %s', (pages, pageKib, blockMib) => {
    it(
      `memory comes in blocks of ${blockMib} MiB, and who asks for less is told`,
      { timeout: BUILD_MS },
      async () => {
        const other = await ensureOwnKernel({ pages });
        const files = [...(await modules(other)), await compileForGuest('sdmtool', work)];
        const tap = await boot(other, 'pages.sh', files, { ARGS: `${pageKib} ${blockMib}` });
        expect(
          results(tap).filter((line) => line.startsWith('not ok')),
          tap,
        ).toEqual([]);
        expect(tap).toMatch(/^1\.\.[1-9]/m);
        expect(tap).toMatch(/^# exit status 0$/m);
      },
    );
  });
}

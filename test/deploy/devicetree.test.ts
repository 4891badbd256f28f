import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { BLOCK_MAX } from '../../src/abi/constants.js';
import { cached, hashOf } from '../../src/common/cache.js';
import { run } from '../../src/common/exec.js';
import { cacheDir, projectDir } from '../../src/common/paths.js';
import { scratchDir } from '../support/scratch.js';

const BINDINGS = join(projectDir(), 'kernel/bindings');
const BINDING = join(BINDINGS, 'dredbox,memport.yaml');
const OVERLAY = join(projectDir(), 'deploy/zynq/zcu102-sdm.dtso');
/** With the sources of Linux, 130 MB as a package, the overlay is also put over the real board. */
const SOURCE = '/usr/src/linux-source-6.12.tar.xz';
const BOARD = 'arch/arm64/boot/dts/xilinx';
const BOARD_NEEDS = [BOARD, 'include/dt-bindings', 'include/uapi/linux/input-event-codes.h'];
const UNPACK_MS = 5 * 60_000;

const work = scratchDir('devicetree');
const file = (name: string): string => join(work, name);

/** These programs report what is wrong on standard error and often end with 0 all the same. */
function quietly(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  expect({ program, args, status, stderr, error }).toMatchObject({ status: 0, stderr: '' });
  return stdout;
}

function complaints(program: string, ...args: string[]): string {
  return spawnSync(program, args, { encoding: 'utf8' }).stderr;
}

/** Compiles a source; any warning is a failure, but of the kinds that the kernel switches off too. */
function compile(name: string, source: string): string {
  writeFileSync(file(`${name}.dts`), source);
  const allowed = ['-Wno-avoid_unnecessary_addr_size', '-Wno-unique_unit_address'];
  const args = [...allowed, '-@', '-I', 'dts', '-O', 'dtb', '-o', file(`${name}.dtb`)];
  quietly('dtc', ...args, file(`${name}.dts`));
  return file(`${name}.dtb`);
}

/** What an overlay for the board expects of it, and no more. */
const BASE = `/dts-v1/;
/ {
  compatible = "xlnx,zynqmp";
  model = "base";
  #address-cells = <2>;
  #size-cells = <2>;
  cpus {
    #address-cells = <1>;
    #size-cells = <0>;
    ${[0, 1, 2, 3].map((n) => `cpu${n}: cpu@${n} { device_type = "cpu"; reg = <${n}>; };`).join('\n')}
  };
  memory@0 { device_type = "memory"; reg = <0x0 0x0 0x0 0x80000000>; };
  zynqmp_clk: clock-controller { #clock-cells = <1>; };
  amba: axi {
    compatible = "simple-bus";
    #address-cells = <2>;
    #size-cells = <2>;
    ranges;
    gic: interrupt-controller@f9010000 {
      reg = <0x0 0xf9010000 0x0 0x10000>;
      interrupt-controller;
      #interrupt-cells = <3>;
      #address-cells = <0>;
    };
  };
};
`;

/** Puts the overlay over a base; gives the result. */
function applied(base: string): string {
  const [overlay, out] = [compile('overlay', readFileSync(OVERLAY, 'utf8')), file('applied.dtb')];
  quietly('fdtoverlay', '-i', base, '-o', out, overlay);
  return out;
}

const property = (dtb: string, node: string, name: string, type: 's' | 'x' | 'u'): string[] =>
  quietly('fdtget', '-t', type, dtb, node, name).trim().split(' ');

const validates = spawnSync('dt-validate', ['--version']).status === 0;

describe.skipIf(!validates)('the binding of memports (skipped without dt-schema)', () => {
  const schema = file('schema.json');
  const examples = (): string => quietly('dt-extract-example', BINDING);
  const told = (source: string): string =>
    complaints('dt-validate', '-s', schema, compile('changed', source));
  beforeAll(() => writeFileSync(schema, quietly('dt-mk-schema', '-j', BINDINGS)));

  it('is what a binding must be', () => {
    quietly('dt-doc-validate', '-u', BINDINGS, BINDING);
    const binding = readFileSync(BINDING, 'utf8').replace('    maxItems: 1', '    maxItem: 1');
    writeFileSync(file('typo.yaml'), binding);
    expect(complaints('dt-doc-validate', '-u', work, file('typo.yaml'))).toContain('maxItem');
  });

  it('has examples that compile and keep it', () => {
    const source = examples();
    expect(source.match(/dredbox,memport-v1/g)).toHaveLength(2);
    expect(told(source)).toBe('');
  });

  it.each([
    ['a window and no registers', /reg-names = .*/g, 'reg-names = "window";', "'registers' was"],
    ['the wrong way round', /"registers", "window"/g, '"window", "registers"', "'registers' was"],
    ['no names', /reg-names = .*/g, '', "'reg-names' is a required property"],
    ['no window', /,\s*<0x60000000 0x10000000>/, '', 'too short'],
    ['two interrupts', '<0 89 1>', '<0 89 1>, <0 90 1>', 'interrupts'],
    ['two clocks', '<&zynqmp_clk 71>', '<&zynqmp_clk 71>, <&zynqmp_clk 72>', 'clocks'],
    ['what it does not know', /reg-names = /g, 'window-size = <1>; reg-names = ', 'window-size'],
  ])('tells of a node with %s', (_, from, to, complaint) => {
    const source = examples();
    const changed = source.replace(from, to);
    expect(changed).not.toBe(source);
    expect(told(changed)).toContain(complaint);
  });

  it('is kept by the overlay for a ZCU102', () => {
    const dtb = applied(compile('base', BASE));
    const checked = complaints('dt-validate', '-M', '-s', schema, '-l', 'dredbox,memport', dtb);
    // -M shows what was matched, so that it cannot pass by matching nothing.
    expect(checked).toMatch(/memport@a0000000/);
    expect(complaints('dt-validate', '-s', schema, '-l', 'dredbox,memport', dtb)).toBe('');
  });
});

/** What describes the board in Linux, unpacked once. */
async function boardSource(): Promise<string> {
  const cache = cacheDir(process.env);
  mkdirSync(cache, { recursive: true });
  const { size, mtimeMs } = statSync(SOURCE);
  return cached({
    cache,
    kind: 'board-source',
    key: hashOf('1', String(size), String(mtimeMs), ...BOARD_NEEDS),
    make: async (to) => {
      const members = BOARD_NEEDS.map((path) => `linux-source-6.12/${path}`);
      const args = ['-xf', SOURCE, '-C', to, '--strip-components=1', ...members];
      await run(['tar', ...args], { timeoutMs: UNPACK_MS });
    },
  });
}

async function board(): Promise<string> {
  const source = await boardSource();
  const [include, dir] = [join(source, 'include'), join(source, BOARD)];
  const preprocess = ['-nostdinc', '-undef', '-D__DTS__', '-x', 'assembler-with-cpp'];
  const paths = ['-I', include, '-I', dir, join(dir, 'zynqmp-zcu102-rev1.1.dts')];
  quietly('cpp', ...preprocess, ...paths, file('board.dts'));
  // The kernel's own sources have warnings, which are not ours.
  quietly('dtc', '-q', '-@', '-O', 'dtb', '-o', file('board.dtb'), file('board.dts'));
  return file('board.dtb');
}

const bases: [string, boolean, () => string | Promise<string>][] = [
  ['a base with its labels', true, () => compile('base', BASE)],
  [`the board of Linux (skipped without ${SOURCE})`, existsSync(SOURCE), board],
];

describe.each(bases)('the overlay for a ZCU102, over %s', (_, there, base) => {
  const NODE = '/axi/memport@a0000000';
  let dtb: string;
  beforeAll(async () => {
    if (there) dtb = applied(await base());
  }, UNPACK_MS);

  it.skipIf(!there)('adds registers and window where the logic is', () => {
    expect(property(dtb, NODE, 'compatible', 's')).toEqual(['dredbox,memport-v1']);
    const cells = property(dtb, NODE, 'reg', 'x').map((cell) => BigInt(`0x${cell}`));
    const pairs = [0, 2, 4, 6].map((at) => (cells[at]! << 32n) | cells[at + 1]!);
    const windowOfZynqProfile = [0x4_0000_0000n, 0x1_0000_0000n];
    expect(pairs).toEqual([0xa000_0000n, BigInt(BLOCK_MAX), ...windowOfZynqProfile]);
  });

  it.skipIf(!there)('leads interrupt and clock to the controllers of the board', () => {
    const phandle = (path: string) => property(dtb, path, 'phandle', 'u');
    const symbol = (label: string) => property(dtb, '/__symbols__', label, 's')[0]!;
    expect(property(dtb, NODE, 'interrupt-parent', 'u')).toEqual(phandle(symbol('gic')));
    expect(property(dtb, NODE, 'interrupts', 'u')).toEqual(['0', '89', '1']);
    expect(property(dtb, NODE, 'clocks', 'u')).toEqual([...phandle(symbol('zynqmp_clk')), '71']);
  });

  it.skipIf(!there)('puts memory and processors into node 0', () => {
    for (const path of ['/memory@0', ...[0, 1, 2, 3].map((n) => `/cpus/cpu@${n}`)]) {
      expect(property(dtb, path, 'numa-node-id', 'u')).toEqual(['0']);
    }
  });

  it.skipIf(!there)(
    'names the highest node first, without which Linux 6.12 takes every distance for 20',
    () => {
      const cells = property(dtb, '/distance-map', 'distance-matrix', 'u').map(Number);
      const rows = Array.from({ length: cells.length / 3 }, (_, i) =>
        cells.slice(3 * i, 3 * i + 3),
      );
      expect(rows[0]?.[0]).toBe(Math.max(...rows.flatMap(([a, b]) => [a!, b!])));
      const distance = (a: number, b: number) =>
        rows.find((row) => row[0] === a && row[1] === b)?.[2];
      expect([distance(0, 0), distance(1, 1)]).toEqual([10, 10]);
      expect(distance(0, 1)).toBeGreaterThan(20);
      expect(distance(1, 0)).toBe(distance(0, 1));
    },
  );
});

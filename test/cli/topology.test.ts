import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { generateTopology } from '../../src/controller/inventory/generate.js';
import { parseTopology } from '../../src/controller/inventory/topology-file.js';
import { sdm } from '../support/cli.js';
import { scratchDir } from '../support/scratch.js';
import { WHOLE } from '../controller/inventory/whole-topology.js';

const dir = scratchDir('topology-cli');
const run = (args: readonly string[], input?: string) =>
  sdm(['topology', ...args], input === undefined ? {} : { input });
const file = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};
const whole = file('whole.json', JSON.stringify(WHOLE, null, 2));

describe('sdm topology generate', () => {
  it('writes the system that was asked for', async () => {
    const path = join(dir, 'made.json');
    const options = ['--boxes', '1', '--box-switch', 'both', '--local-memory', '2G', '-o', path];
    expect(await run(['generate', ...options])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(parseTopology(readFileSync(path, 'utf8'))).toEqual(
      generateTopology({ boxes: 1, boxSwitch: 'both', localMemory: 2048 }),
    );
  });

  it('writes to where its output goes, and others read it from there', async () => {
    const { stdout } = await run(['generate', '--bricks', '16']);
    const shown = await run(['show', '-'], stdout);
    expect(shown.stdout).toContain('compute bricks 16: cores 64, local memory 64 GiB');
  });

  it.each([
    [['--compute', '17'], 2, 'Expected a whole number from 0 to 16.'],
    [['--compute', '9'], 2, 'a box has 17 bricks; expected 1 to 16 of all types together'],
    [['--bricks', '9', '--boxes', '2'], 2, "cannot be used with option '--boxes <n>'"],
    [['--segment-size', '4096'], 2, 'segmentSize is 0.00390625; expected a whole number from 1'],
    [['-o', '/none/file'], 2, 'cannot write /none/file: ENOENT'],
  ])('refuses %j', async (args, code, message) => {
    const found = await run(['generate', ...args]);
    expect([found.code, found.stderr]).toEqual([code, expect.stringContaining(message)]);
  });
});

describe('sdm topology show', () => {
  it('shows a tree and counts', async () => {
    const { stdout } = await run(['show', whole]);
    expect(stdout.split('\n')).toEqual([
      'topology r0, segments of 256 MiB',
      '├─ ddosm: optical switch, 32 ports',
      '└─ rack 0, 1 clusters at http://127.0.0.1:7002',
      '   ├─ drosm-0: optical switch, 64 ports',
      '   └─ box 0.0 at unix:/run/box',
      '      ├─ dbesm-0-0: electrical switch, 64 ports, capacity 640 % at unix:/run/sw',
      '      └─ tray 0.0.0 at http://127.0.0.1:7001',
      '         ├─ 0.0.0: compute, 4 + 4 cores, 1 GiB, 8 transceivers',
      '         ├─ 0.0.8: memory, 16 segments from 0x8000000, 8 transceivers',
      '         └─ 0.0.12: accelerator, 1 slots, 2 transceivers',
      '',
      'racks 1, clusters 1, boxes 1, trays 1, switches 3, links 3',
      'compute bricks 1: cores 8, local memory 1 GiB',
      'memory bricks 1: remote memory 4 GiB in 16 segments of 256 MiB',
      'accelerator bricks 1',
      '',
    ]);
  });

  it('has JSON for programs', async () => {
    const { stdout } = await run(['show', whole, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      counts: { computeBricks: 1, links: 3, remoteMemory: '0x100000000' },
      topology: { rack: 'r0' },
    });
  });
});

describe('sdm topology check', () => {
  it('lists all that is wrong, and fails', async () => {
    const bad = structuredClone(WHOLE);
    bad.links[0]!.a = '0.0.0/9';
    bad.links[1]!.b = 'nowhere/1';
    const path = file('bad.json', JSON.stringify(bad, null, 2));
    const { code, stdout } = await run(['check', whole, path]);
    expect(code).toBe(1);
    expect(stdout.split('\n')).toEqual([
      `${whole} is a topology`,
      expect.stringMatching(
        /bad\.json:\d+:12: links\[0\]\.a: expected a transceiver of brick 0\.0\.0/,
      ),
      expect.stringMatching(/bad\.json:\d+:12: links\[1\]\.b: expected a brick or switch/),
      '',
    ]);
    const [, second] = JSON.parse((await run(['check', whole, path, '--json'])).stdout);
    expect(second.faults.map((each: { path: string }) => each.path)).toEqual([
      ...['links[0].a', 'links[1].b'],
    ]);
  });

  it('says where a file is no JSON', async () => {
    const { code, stdout } = await run(['check', '-'], '{"version": 1,}');
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining(':1:15: version: expected a key in'),
    ]);
  });
});

describe('sdm topology export', () => {
  it.each([
    ['gexf', '<node id="0.0.8" label="0.0.8">'],
    ['dot', '"0.0.0" -- "dbesm-0-0" [label="1"];'],
    ['json', '"rack": "r0"'],
  ])('writes %s', async (format, expected) => {
    const { code, stdout } = await run(['export', whole, '--format', format]);
    expect([code, stdout]).toEqual([0, expect.stringContaining(expected)]);
  });
});

it('prints a schema that takes what is a topology', async () => {
  const schema = JSON.parse((await run(['schema'])).stdout);
  const validate = new Ajv2020({ strict: false }).compile(schema);
  expect(validate(WHOLE)).toBe(true);
  expect(validate({ ...WHOLE, version: 2 })).toBe(false);
});

it('knows its version', async () => {
  const { stdout, code } = await sdm(['--version']);
  expect([stdout, code]).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+\n$/), 0]);
});

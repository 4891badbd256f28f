import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateText } from '../../src/controller/inventory/generate.js';
import { startDaemon, type Daemon } from '../../src/iaas/daemon.js';
import { finished, sdm as runSdm, startSdm, type CliResult } from '../support/cli.js';
import { scratchDir } from '../support/scratch.js';

const dir = scratchDir('operator');
const BIN = resolve(import.meta.dirname, '../../bin');
const socket = join(dir, 'controller.sock');
const env = { SDM_CONTROLLER: `unix:${socket}`, SDM_TOKEN_FILE: undefined, SDM_PKI: undefined };
const sdm = (...args: string[]): Promise<CliResult> => runSdm(args, { env });
/** What a command prints that must succeed. */
async function said(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await sdm(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}
const json = async (...args: string[]): Promise<any> => JSON.parse(await said(...args, '--json'));

let controller: Daemon;
beforeAll(async () => {
  const topology = join(dir, 'topology.json');
  writeFileSync(topology, [...generateText({ boxes: 1, compute: 2, memory: 2 })].join(''));
  const files = ['--topology', topology, '--store', join(dir, 'store')];
  const argv = [join(BIN, 'sdm-controller'), 'serve', ...files, '--listen', `unix:${socket}`];
  controller = await startDaemon({ name: 'the controller', argv: argv as [string] });
}, 60_000);
afterAll(() => controller?.stop());

describe('a rack without hardware, commanded from a shell', () => {
  it('has its bricks and switches', async () => {
    expect(await said('brick', 'list')).toMatch(
      /^BRICK +TYPE +STATE +FREE +OF .*\n0\.0\.0 +compute +inventory +4 cores, 4 GiB/,
    );
    expect(await json('brick', 'list')).toHaveLength(4);
    expect(await said('brick', 'show', '0.0.2')).toContain('32 of 32 free, 0 wait for a scrub');
    expect(await said('switch', 'list')).toMatch(/dbesm-0-0 +electrical +40 +0 +-/);
    expect(await said('switch', 'show', 'drosm-0')).toContain('nothing is connected');
    expect(await said('totals')).toContain('8 of 8 free; 4 at most for one platform');
    expect(await said('tray', 'list')).toBe('no tray has registered\n');
    expect(await said('platform', 'list')).toBe('no platforms; `sdm platform create` makes one\n');
  });

  it('gives platforms, and takes them back', async () => {
    const made = await said(
      ...['platform', 'create', '--cores', '2', '--local', '1G', '--remote', '1G'],
      ...['--name', 'one', '--path-util', '10', '--policy', 'nearest'],
    );
    const id =
      /^created platform ([0-9]+): 2 cores of 0\.0\.0, 1 GiB local and 1 GiB remote memory\n/.exec(
        made,
      )![1]!;
    expect(made).toMatch(new RegExp(`\np${id}-0 +attached +1 GiB +0\\.0\\.2 +0-3 +0x0 `));
    expect(await said('platform', 'list')).toMatch(
      /\n +\d+ +one +active +0\.0\.0 +2 +1 GiB +1 GiB +1 /,
    );
    expect(await said('platform', 'show', id)).toContain('nearest, 10 % of each path');
    expect(await said('switch', 'show', 'dbesm-0-0')).toContain(`p${id}-0`);

    expect(await said('memory', 'add', id, '300M', '--migrate-ok')).toMatch(
      /^added 512 MiB to platform \d+, which has 1536 MiB remote memory now\n(.*\n)+nothing was moved/,
    );
    expect(await said('memory', 'free', id, '--attachment', `p${id}-1`)).toBe(
      `freed 512 MiB of platform ${id} (p${id}-1); 1 GiB remote memory is left\n`,
    );
    expect((await json('memory', 'free', id, '--all')).freed).toBe('0x40000000');
    expect(await said('platform', 'release', id)).toBe(`released platform ${id}\n`);
    expect(await json('platform', 'list')).toEqual([]);
  });

  it('does what has the same key once', async () => {
    const args = ['platform', 'create', '--cores', '1', '--idempotency-key', 'same'];
    const [one, other] = [await json(...args), await json(...args)];
    expect(other.id).toBe(one.id);
    await said('platform', 'release', String(one.id));
  });

  it('says what would be, and why it would not', async () => {
    const plan = await said('plan', '--cores', '4', '--memory', '5G');
    expect(plan).toMatch(/^0\.0\.0: 4 cores of island 0, 4 GiB local and 1 GiB remote memory\n/);
    expect(plan).toContain('dbesm-0-0  [[0,16]]');
    const { code, stdout } = await sdm('explain', '--cores', '5');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^it would not work: 5 cores/)]);
    expect(stdout).not.toMatch(/[{]|0x/);
    const both = await sdm('explain', '--cores', '5', '--remote', '1P');
    expect(both.stdout).toMatch(/this would: sdm platform create --cores 4 --remote [0-9]+[MGT] /);
    const line = /this would: sdm (.*)/.exec(stdout)![1]!;
    expect(await said(...line.split(' '))).toMatch(/^created platform/);
    const [{ id }] = await json('platform', 'list');
    expect(await said('explain', '--platform', String(id), '--size', '1G')).toContain(
      'it would work',
    );
    const more = await sdm('explain', '--platform', String(id), '--size', '1T');
    const grow = /this would: sdm (.*)/.exec(more.stdout)![1]!;
    expect(grow).toMatch(new RegExp(`^memory add ${id} \\d+[MG] `));
    expect(
      await said('plan', '--platform', String(id), '--size', grow.split(' ')[3]!),
    ).toBeTruthy();
    const other = await sdm('memory', 'free', String(id), '--attachment', 'p9-9');
    expect(other.stderr).toContain(`has no attachment p9-9; it has none`);
    const refused = await sdm('memory', 'add', String(id), '1T');
    expect(refused.stderr).toMatch(/this would fit: \d+ [MG]iB of remote memory/);
    expect(await said(...grow.split(' '))).toContain('remote memory');
    expect(await said('top', '-n', '1')).toMatch(/\n0\.0\.0 +compute +inventory +4\/4 /);
    expect(JSON.parse(await said('top', '-n', '1', '--json')).platforms).toHaveLength(1);
    await said('platform', 'release', String(id));
  });

  it('lets bricks be drained', async () => {
    expect(await said('brick', 'drain', '0.0.0', '0.0.1')).toBe(
      '0.0.0 is drained; no platform uses it\n0.0.1 is drained; no platform uses it\n',
    );
    const { code, stderr } = await sdm('platform', 'create', '--cores', '1');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^sdm: SDM_NO_[A-Z_]+: /)]);
    await said('brick', 'undrain', '0.0.0', '0.0.1');
    expect((await json('brick', 'show', '0.0.0')).drained).toBe(false);
  });

  it('tells what happens', async () => {
    const told = await said('events');
    expect(told).toMatch(/the controller began term 1\n/);
    expect(told).toMatch(/platform \d+ is released/);
    const first = JSON.parse((await said('events', '--json')).split('\n')[0]!);
    expect(first.kind).toBe('epoch');
    const rest = await said('events', '--after', first.event);
    expect(rest.split('\n')).toHaveLength(told.split('\n').length - 1);
    const follower = startSdm(['events', '-f'], env);
    let text = '';
    const heard = new Promise<void>((done) => {
      follower.stdout!.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (text.includes('brick 0.0.3 is inventory, drained')) done();
      });
    });
    await said('brick', 'drain', '0.0.3');
    await heard;
    follower.kill('SIGINT');
    await finished(follower);
  });

  it('keeps leases and backups', async () => {
    const { lease, id } = await json('platform', 'create', '--cores', '1', '--lease', '600');
    expect(await said('lease', 'keep', lease.id)).toBe(`kept lease ${lease.id}\n`);
    expect(await said('lease', 'keep', String(id))).toBe(`kept lease ${lease.id}\n`);
    await said('platform', 'release', String(id));
    const copy = join(dir, 'copy.db');
    expect(await said('backup', copy)).toBe(`wrote ${copy}\n`);
    expect(await sdm('lease', 'keep', 'none')).toMatchObject({ code: 1 });
    expect(await said('drift')).toMatch(/^nothing (differs|was looked at)/);
  });

  it('draws its topology with what is reserved', async () => {
    const { id } = await json('platform', 'create', '--cores', '1', '--remote', '256M');
    const gexf = await said('topology', 'export');
    expect(gexf).toContain(`<edge id="p${id}-0" source="0.0.0" target="0.0.2"`);
    expect(await said('topology', 'export', '--plain')).not.toContain('type="attachment"');
    expect(await said('topology', 'export', '--format', 'dot')).toContain('3 of 4 cores free');
    expect(await said('topology', 'show')).toContain('0.0.0: compute, 4 cores, 4 GiB');
    await said('platform', 'release', String(id));
  });

  it.each([
    [['platform', 'create'], '--cores is missing'],
    [['platform', 'create', '--cores', 'x'], "argument 'x' is invalid. Expected a whole number"],
    [
      ['platform', 'create', '--cores', '1', '--memory', '1G', '--local', '1G'],
      'cannot be used with',
    ],
    [['platform', 'show', '0'], 'Expected a whole number from 1'],
    [['brick', 'show', '0.0.16'], 'Expected rack.box.brick'],
    [['memory', 'free', '1'], 'expected --size, --attachment or --all'],
    [['plan', '--size', '1G'], '--platform and --size go together'],
    [['plan', '--platform', '1', '--size', '1G', '--cores', '1'], '--cores is of a new platform'],
    [['platform', 'list', '--token-file', '/none'], 'cannot read the token in /none (ENOENT)'],
    [['platfrom'], "unknown command 'platfrom'\n(Did you mean platform?)"],
  ])('refuses %j', async (args, message) => {
    const { code, stderr, stdout } = await sdm(...args);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(message)]);
    expect(stderr).toMatch(/^sdm: SDM_USAGE: /);
  });

  it('says that nobody answers, and what to do', async () => {
    const { code, stderr } = await sdm('totals', '--controller', `unix:${dir}/none.sock`);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^sdm: SDM_UNREACHABLE: .*name its socket with --controller or SDM_CONT/,
      ),
    ]);
  });
});

describe('a controller that goes away in the middle', () => {
  it('is asked again with the same key', async () => {
    const keys: (string | undefined)[] = [];
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      keys.push(request.headers['idempotency-key'] as string);
      if (keys.length < 3) return void request.socket.destroy();
      response.setHeader('content-type', 'application/json');
      response.end('{"id":7,"state":"released"}');
    };
    const server = createServer(answer);
    const path = join(dir, 'away.sock');
    await new Promise<void>((done) => server.listen(path, done));
    const { code, stdout } = await sdm('platform', 'release', '7', '--controller', `unix:${path}`);
    server.close();
    expect([code, stdout]).toEqual([0, 'released platform 7\n']);
    expect([keys.length, new Set(keys).size]).toEqual([3, 1]);
  });

  it('is not waited for any more after Ctrl-C', async () => {
    const path = join(dir, 'slow.sock');
    const asked = new Promise<void>((done) => {
      createServer(() => done())
        .listen(path)
        .unref();
    });
    const child = startSdm(['platform', 'release', '7', '--controller', `unix:${path}`], env);
    const end = finished(child);
    await asked;
    child.kill('SIGINT');
    expect(await end).toMatchObject({
      code: 130,
      stderr: expect.stringMatching(/^sdm: SDM_CANCELLED: no longer waiting, by SIGINT; the contr/),
    });
  });
});

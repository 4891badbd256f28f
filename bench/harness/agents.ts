import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';
import { hex } from '../../src/common/units.js';
import { ensureFlask } from './flask.js';
import type { Scratch } from './scratch.js';

const PORTS = 512;
const GRANULE = 2n << 20n;
const POOL = 1n << 30n;
/** The first granule of a pool is its header. */
const SHARE = { start: hex(GRANULE), size: hex(POOL - GRANULE) };
/** Any; both only write it down. */
const WINDOW_BASE = 0x4_0000_0000n;
const FILES = ['startAddress', 'endAddress', 'offset', 'outId', 'inId', 'set'];

/** A server that can be started. */
export interface Server {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** All of it: what this machine sets for other programs should favour nobody. */
  readonly env: Readonly<Record<string, string>>;
  readonly socket: string;
}

/** What both attach: one granule. */
export const SEGMENT = hex(GRANULE);
/** Lists attachments, of both. */
export const LIST = '/v1/attachments';

export const OURS = 'sdm-agent';
export const FLASK = 'Flask-RESTful';

/** Without what a session sets, such as $NODE_EXTRA_CA_CERTS, which costs every start of Node. */
export function plain(scratch: Scratch): Record<string, string> {
  const path = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;
  return { PATH: path, HOME: scratch.disk, LANG: 'C.UTF-8' };
}

/** sdm-agent on a register file with 512 memports, its journal on a disk. */
export async function ourAgent(
  scratch: Scratch,
  signal: AbortSignal,
  folder = 'ours',
): Promise<Server> {
  const dir = join(scratch.memory, folder);
  mkdirSync(dir);
  const [registers, pool, socket] = ['registers', 'pool', 'socket'].map((name) =>
    join(dir, name),
  ) as [string, string, string];
  const config = join(dir, 'agent.json');
  const env = plain(scratch);
  const program = join(projectDir(), 'bin/sdm-agent');
  writeFileSync(pool, '');
  truncateSync(pool, Number(POOL));
  const format = ['--pool', pool, '--ports', String(PORTS), '--granule', hex(GRANULE)];
  await run([program, 'registers', 'format', registers, ...format], { signal, env });
  writeFileSync(
    config,
    JSON.stringify({
      brick: 'bench',
      registers: { backend: 'file', path: registers },
      pool: { path: pool },
      shares: [SHARE],
      socket,
      stateDir: join(scratch.disk, folder),
      log: 'warn',
    }),
  );
  return { name: OURS, argv: [program, 'serve', '--config', config], env, socket };
}

/** The same command from its modules: neither bundled nor with a code cache. */
export function fromModules(server: Server): Server {
  const modules = join(projectDir(), 'dist/src/cli/sdm-agent.js');
  return { ...server, argv: [process.execPath, modules, ...server.argv.slice(1)] };
}

/** bench/flask/agent.py on a tree as the glue logic's driver shows it, on tmpfs. */
export async function flaskAgent(scratch: Scratch, signal: AbortSignal): Promise<Server> {
  const { python, env } = await ensureFlask(signal);
  const dir = join(scratch.memory, 'flask');
  const [tree, socket, config] = ['tree', 'socket', 'agent.json'].map((name) =>
    join(dir, name),
  ) as [string, string, string];
  for (let port = 0; port < PORTS; port += 1) {
    const folder = join(tree, `memport${port}`);
    mkdirSync(folder, { recursive: true });
    for (const name of FILES) writeFileSync(join(folder, name), '0x0');
  }
  writeFileSync(
    config,
    JSON.stringify({
      socket,
      tree,
      memports: PORTS,
      granule: hex(GRANULE),
      windowBase: hex(WINDOW_BASE),
      windowSize: hex(POOL),
      shareStart: SHARE.start,
      shareSize: SHARE.size,
    }),
  );
  const script = join(projectDir(), 'bench/flask/agent.py');
  return {
    name: FLASK,
    argv: [python, script, config],
    env: { ...plain(scratch), ...env },
    socket,
  };
}

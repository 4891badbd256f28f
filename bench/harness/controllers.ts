import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectDir } from '../../src/common/paths.js';
import { generateTopology } from '../../src/controller/inventory/generate.js';
import { FLASK, plain, type Server } from './agents.js';
import { ensureFlask } from './flask.js';
import type { Scratch } from './scratch.js';

export const CONTROLLER = 'sdm-controller';

/** D4.4's example system with some more cores and segments. */
const BOXES = 2;
const EACH = 8;
const CORES = 8;
const SEGMENTS = 256;
/** What each allocation takes: one segment. */
export const SEGMENT_MIB = 256;

/** sdm-controller over a rack of which there is only the file; its store on a disk. */
export function ourController(scratch: Scratch): Server {
  const dir = join(scratch.disk, 'controller');
  mkdirSync(dir);
  const [topology, socket, config] = ['topology.json', 'socket', 'config.json'].map((name) =>
    join(dir, name),
  ) as [string, string, string];
  const size = { boxes: BOXES, compute: EACH, memory: EACH, cores: CORES, segments: SEGMENTS };
  writeFileSync(topology, JSON.stringify(generateTopology({ ...size, segmentSize: SEGMENT_MIB })));
  writeFileSync(
    config,
    JSON.stringify({
      topology,
      store: join(dir, 'store'),
      listen: [`unix:${socket}`],
      log: 'warn',
    }),
  );
  const program = join(projectDir(), 'bin/sdm-controller');
  return {
    name: CONTROLLER,
    argv: [program, 'serve', '--config', config],
    env: plain(scratch),
    socket,
  };
}

/**
 * bench/flask/controller.py under gunicorn, its database beside our store. One process of the plain kind:
 * of those that were tried (one and two, plain and with 8 or 64 threads) it was the fastest with many
 * clients, since SQLite has one writer.
 */
export async function flaskController(scratch: Scratch, signal: AbortSignal): Promise<Server> {
  const { python, env } = await ensureFlask(signal);
  const dir = join(scratch.disk, 'flask-controller');
  mkdirSync(dir);
  const [config, socket] = [join(dir, 'config.json'), join(dir, 'socket')];
  writeFileSync(
    config,
    JSON.stringify({
      database: join(dir, 'controller.db'),
      ...{ compute: BOXES * EACH, cores: CORES, memory: BOXES * EACH, segments: SEGMENTS },
      segmentMiB: SEGMENT_MIB,
    }),
  );
  const scripts = join(projectDir(), 'bench/flask');
  const modules = [scripts, env['PYTHONPATH']].filter((each) => each !== undefined).join(':');
  const server = ['-m', 'gunicorn', '--workers', '1', '--bind', `unix:${socket}`];
  return {
    name: FLASK,
    argv: [python, ...server, '--log-level', 'error', 'controller:create()'],
    env: {
      ...plain(scratch),
      ...env,
      PYTHONPATH: modules,
      // nothing is written beside the scripts
      PYTHONDONTWRITEBYTECODE: '1',
      SDM_BENCH_CONTROLLER: config,
    },
    socket,
  };
}

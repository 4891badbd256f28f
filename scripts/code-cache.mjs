// Makes V8's code cache of the bundle for this Node: dist/cache, which starts need not leave then in
// a directory of their user's. The build runs it, and the installation of the package.
//
//   node scripts/code-cache.mjs
//
// What is in a cache is what ran: so a brick of files is made, an agent serves it, and commands are
// given to it. Whatever goes wrong, the agent works without; so this only says it.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { replaceDirectory } from './lib/files.mjs';
import { prebuilt } from './lib/prebuilt.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const COMMAND = join(root, 'dist/bundle/sdm-agent.cjs');
/** As src/native/index.ts finds it. */
const ADDONS = [join(root, 'build/Release/sdm_native.node'), prebuilt(root, process.arch)];
const CACHE = join(root, 'dist/cache');
const POOL = 64 * 2 ** 20;
/** For any one of the commands; they take a second at most on a machine that is not busy. */
const DEADLINE_MS = 60_000;

/** Is there something to make a cache with, and none yet? */
export const lacksCodeCache = () =>
  existsSync(COMMAND) && ADDONS.some((file) => existsSync(file)) && !existsSync(CACHE);

/** @returns what to tell the user: empty if all went well. */
export async function makeCodeCache() {
  const scratch = mkdtempSync(join(tmpdir(), 'sdm-code-cache-'));
  const made = `${CACHE}.${process.pid}`;
  try {
    await warmUp(scratch, made);
    replaceDirectory(made, CACHE);
    return '';
  } catch (error) {
    return `no code cache, so the agent starts more slowly: ${error.message}`;
  } finally {
    for (const path of [scratch, made]) rmSync(path, { recursive: true, force: true });
  }
}

/** Each process adds what it compiled to what those before it left. */
async function warmUp(dir, cache) {
  const [registers, pool, config, socket] = ['registers', 'pool', 'agent.json', 'socket'].map(
    (name) => join(dir, name),
  );
  writeFileSync(pool, '');
  truncateSync(pool, POOL);
  writeFileSync(
    config,
    JSON.stringify({
      brick: 'warm-up',
      registers: { backend: 'file', path: registers },
      pool: { path: pool },
      shares: [{ start: '0x200000', size: `0x${(POOL - 2 ** 21).toString(16)}` }],
      socket,
      stateDir: join(dir, 'state'),
      log: 'error',
    }),
  );
  const serve = ['serve', '--config', config];
  await start(['registers', 'format', registers, '--pool', pool], cache).ended;
  await stop(await ready(start(serve, cache)));
  // The caches of this one are not kept: they would be written over those of the commands.
  const agent = await ready(start(serve, join(dir, 'cache')));
  try {
    for (const command of [
      ['list'],
      ['attach', '--mode', 'device', '--size', '2M', '--id', 'warm-up'],
      ['list', '--json'],
      ['detach', 'warm-up'],
      ['memport', 'list'],
    ]) {
      await start([...command, '--socket', socket], cache).ended;
    }
  } finally {
    await stop(agent);
  }
}

function start(args, cache) {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, SDM_CODE_CACHE: cache },
  });
  const name = `sdm-agent ${args[0]}`;
  let [stdout, stderr] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const line = new Promise((done) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      if (stdout.includes('\n')) done();
    });
  });
  const ended = new Promise((done, fail) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(new Error(`${name} did not end within ${DEADLINE_MS / 1000} s`));
    }, DEADLINE_MS);
    child.once('error', fail);
    child.once('close', (code) => {
      clearTimeout(timer);
      if (code === 0) done();
      else fail(new Error(`${name} ended with ${code}: ${stderr.trim()}`));
    });
  });
  ended.catch(() => undefined); // Whoever waits for it hears of it.
  return { child, line, ended };
}

/** Waits for the agent's first line, which it prints when it serves. */
async function ready(agent) {
  await Promise.race([agent.line, agent.ended]);
  return agent;
}

async function stop({ child, ended }) {
  child.kill('SIGTERM');
  await ended;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && lacksCodeCache()) {
  const said = await makeCodeCache();
  if (said !== '') console.log(said);
}

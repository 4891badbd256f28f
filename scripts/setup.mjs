// Makes everything ready that a command of this project needs, then runs the command:
//
//   node scripts/setup.mjs -- CMD ARGS…
//
// Runs on a fresh Debian 12 or 13 with nothing but Node and git. Only the installation of Debian
// packages needs root. Everything is done at most once: a few seconds when all is up to date.
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare, SetupError } from './setup/prepare.mjs';

const project = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const PREPARE = '--prepare';
/** A second set-up waits for the first one this long. */
const LOCK_SECONDS = 1800;
/** npm passes on a Ctrl-C that the terminal has already sent to everyone: that is one, not two. */
const SAME_SIGNAL_MS = 500;

const separator = process.argv.indexOf('--');
if (process.argv[2] === PREPARE) await prepareHere();
else await main(separator < 0 ? [] : process.argv.slice(separator + 1));

async function prepareHere() {
  try {
    await prepare(project);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\nset-up: ${error.message}`);
    process.exitCode = 1;
  }
}

async function main(command) {
  if (command.length === 0) {
    console.error('usage: node scripts/setup.mjs -- COMMAND [ARGUMENTS]');
    process.exitCode = 2;
    return;
  }
  // The kernel holds the lock for the child that prepares; nothing is left if it is killed.
  mkdirSync(join(project, 'dist'), { recursive: true });
  const lock = join(project, 'dist/.setup.lock');
  const self = [process.execPath, fileURLToPath(import.meta.url), PREPARE];
  const flock = existsSync('/usr/bin/flock')
    ? ['flock', '-w', String(LOCK_SECONDS), '-E', '75', lock, ...self]
    : self;
  const { status, signal } = spawnSync(flock[0], flock.slice(1), { stdio: 'inherit' });
  if (status === 75) {
    console.error(`set-up: another set-up of ${project} has not ended within ${LOCK_SECONDS} s.`);
  }
  if (status !== 0) {
    process.exitCode = signal ? 128 + constants.signals[signal] : (status ?? 1);
    return;
  }
  process.exitCode = await runCommand(command);
}

/**
 * Runs the command in a process group of its own, so that a signal reaches it exactly once, however
 * many of terminal, npm and shell send it; then waits for it.
 */
function runCommand([command, ...args]) {
  return new Promise((done) => {
    const child = spawn(command === 'node' ? process.execPath : command, args, {
      cwd: project,
      detached: true,
      // Outside the terminal's foreground group reading from it would stop the command.
      stdio: [process.stdin.isTTY ? 'ignore' : 'inherit', 'inherit', 'inherit'],
    });
    const last = new Map();
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
      process.on(name, () => {
        const again = performance.now() - (last.get(name) ?? -Infinity) < SAME_SIGNAL_MS;
        last.set(name, performance.now());
        if (!again) child.kill(name);
      });
    }
    child.on('error', (error) => {
      console.error(`set-up: ${command} could not be started: ${error.message}`);
      done(127);
    });
    child.on('close', (code, signal) => {
      done(signal ? 128 + constants.signals[signal] : code);
    });
  });
}

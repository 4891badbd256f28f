// Progress lines, commands with captured output, and FAME's log; plain JavaScript, since this runs
// before anything is built.
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** What the user can do something about: shown without a stack. */
export class SetupError extends Error {}

const env = process.env;
/** As src/common/paths.ts has them. */
export const cacheDir = env.ARTDIR
  ? resolve(env.ARTDIR, 'cache')
  : resolve(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sdm');
export const verboseLog = join(env.ARTDIR ? resolve(env.ARTDIR) : cacheDir, 'fabric_emulation.log');
const verbose = Boolean(env.VERBOSE);
const TAIL_LINES = 30;
/** Between asking a command to end and making it. */
const GRACE_MS = 10_000;

/** As src/common/mask.ts has it. */
export function maskPasswords(text) {
  return text.replace(/(:\/\/[^\s/:@'"]*):[^\s/'"]*@/g, '$1:***@');
}

/** Shown and logged only when VERBOSE is set, without passwords of addresses. */
export function trace(text) {
  if (!verbose) return;
  const line = maskPasswords(text);
  mkdirSync(dirname(verboseLog), { recursive: true });
  appendFileSync(verboseLog, `${new Date().toISOString()} ${line}\n`);
  process.stdout.write(`    ${line}\n`);
}

/** Runs one step; prints its name, what it says of itself at the end, and its time. */
export async function step(name, work) {
  const began = performance.now();
  const live = process.stdout.isTTY && !verbose;
  if (live) process.stdout.write(`  ${name} …`);
  trace(`== ${name}`);
  const end = (mark, detail) => {
    const time = ((performance.now() - began) / 1000).toFixed(1);
    const text = `${mark} ${name}${detail ? ` (${detail})` : ''}  ${time} s`;
    process.stdout.write(`${live ? '\r\x1b[K' : ''}${text}\n`);
  };
  try {
    const detail = await work();
    end('✓', detail);
  } catch (error) {
    end('✗', '');
    throw error;
  }
}

/** The environment with FAME's PROXY in the words that npm and node-gyp know, unless they are set. */
export const proxied = {
  ...(env.PROXY && { http_proxy: env.PROXY, https_proxy: env.PROXY }),
  ...env,
};

/**
 * Runs a command to its end. Its output is shown as it comes with VERBOSE, else only its end and
 * only if it fails. At the deadline the command is killed with its children.
 * @returns {Promise<string>} its standard output.
 * @throws {SetupError} with what it was, how it ended, the end of its output and `hint`.
 */
export function run(
  argv,
  { okCodes = [0], hint = '', environment = env, terminal = false, minutes = 2 } = {},
) {
  const shown = maskPasswords(argv.join(' '));
  trace(`+ ${shown}`);
  return new Promise((done, fail) => {
    const child = spawn(argv[0], argv.slice(1), {
      env: environment,
      // sudo asks for the password on the terminal itself, which is its group's alone.
      detached: !terminal,
      stdio: [terminal ? 'inherit' : 'ignore', 'pipe', 'pipe'],
    });
    const stop = (name) => kill(child, terminal, name);
    let overdue = false;
    let last;
    const deadline = setTimeout(() => {
      overdue = true;
      stop('SIGTERM');
      last = setTimeout(() => {
        stop('SIGKILL');
        // Also if it cannot be ended, as root's programs under sudo.
        finish(null, null);
      }, GRACE_MS);
    }, minutes * 60_000);
    // In a group of its own it does not hear of a Ctrl-C.
    const interrupts = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => {
      const listener = () => {
        stop('SIGTERM');
        process.exit(128 + constants.signals[name]);
      };
      process.on(name, listener);
      return [name, listener];
    });
    const settle = () => {
      clearTimeout(deadline);
      clearTimeout(last);
      for (const [name, listener] of interrupts) process.off(name, listener);
    };
    let [stdout, all] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      all += text;
      for (const line of text.split('\n')) if (line) trace(line);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      all += text;
      for (const line of text.split('\n')) if (line) trace(line);
    });
    child.on('error', (error) => {
      settle();
      fail(new SetupError(`${argv[0]}: ${error.message}. ${hint}`.trimEnd()));
    });
    const finish = (code, signal) => {
      settle();
      if (okCodes.includes(code)) return done(stdout);
      const tail = maskPasswords(all.trimEnd().split('\n').slice(-TAIL_LINES).join('\n'));
      const how = overdue
        ? `did not end within ${minutes} minutes and was stopped`
        : signal
          ? `was killed by ${signal} (not by this program; SIGKILL often means too little memory)`
          : `ended with ${code}`;
      fail(new SetupError(`"${shown}" ${how}.\n${tail}\n${hint}`.trimEnd()));
    };
    child.on('close', finish);
  });
}

/** To all of its group; SIGTERM comes first, so that apt-get ends what it started. */
function kill(child, alone, signal) {
  try {
    process.kill(alone ? child.pid : -child.pid, signal);
  } catch (error) {
    // ESRCH: it ended meanwhile. EPERM: sudo, which a user may not signal; it ends with its terminal.
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
}

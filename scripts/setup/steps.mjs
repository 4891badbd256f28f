// Progress lines, commands with captured output, and FAME's log; plain JavaScript, since this runs
// before anything is built.
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
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

/** Shown and logged only when VERBOSE is set. */
export function trace(line) {
  if (!verbose) return;
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

/**
 * Runs a command to its end. Its output is shown as it comes with VERBOSE, else only its end and
 * only if it fails.
 * @returns {Promise<string>} its standard output.
 */
export function run(argv, { okCodes = [0], hint = '', environment = env, terminal = false } = {}) {
  trace(`+ ${argv.join(' ')}`);
  return new Promise((done, fail) => {
    const child = spawn(argv[0], argv.slice(1), {
      env: environment,
      // sudo asks for the password on the terminal itself.
      stdio: [terminal ? 'inherit' : 'ignore', 'pipe', 'pipe'],
    });
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
    child.on('error', (error) => fail(new SetupError(`${argv[0]}: ${error.message}. ${hint}`)));
    child.on('close', (code) => {
      if (okCodes.includes(code)) return done(stdout);
      const tail = all.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
      fail(new SetupError(`"${argv.join(' ')}" ended with ${code}.\n${tail}\n${hint}`.trimEnd()));
    });
  });
}

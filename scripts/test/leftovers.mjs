// What a run of the tests may leave when it is interrupted: processes, and racks of VMs.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

/** In the environment of every process of a run, so that those that outlive it are known as its. */
const MARK = 'SDM_TEST_RUN';
const END_MS = 10_000;
const POLL_MS = 50;
const DOWN_MS = 120_000;
const MEMORY = '/dev/shm';

/** The environment of a run whose files lie in `scratch`: its racks are there, apart from all others. */
export function runEnvironment(scratch) {
  return { SDM_STATE: join(scratch, 'state'), [MARK]: scratch };
}

/**
 * Ends every process of the run, removes what it has in memory, and takes down every rack of it.
 * @returns what could not be cleaned up, in sentences; empty if nothing is left.
 */
export async function removeLeftovers(project, scratch) {
  const left = [];
  if (!(await endProcesses(scratch))) {
    left.push(`processes ${processesOf(scratch).join(', ')} of this run do not end`);
  }
  for (const name of readdirSync(MEMORY)) {
    if (name.startsWith(`${basename(scratch)}-`)) rmSync(join(MEMORY, name), { recursive: true });
  }
  const racks = join(scratch, 'state/racks');
  if (!existsSync(racks)) return left;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(project, 'bin/sdm'), 'rack', 'down', '--all'],
    {
      env: { ...process.env, ...runEnvironment(scratch) },
      encoding: 'utf8',
      timeout: DOWN_MS,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  if (status !== 0) left.push(`racks in ${racks} are not down: ${stderr.trim() || status}`);
  else if (!stdout.startsWith('no racks')) process.stdout.write(`\nleft by tests: ${stdout}`);
  return left;
}

/** @returns whether all of them ended, asked by SIGTERM or, at a deadline, told by SIGKILL. */
export async function endProcesses(scratch) {
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    const deadline = performance.now() + END_MS;
    const told = new Set();
    for (;;) {
      const running = processesOf(scratch);
      if (running.length === 0) return true;
      if (performance.now() > deadline) break;
      for (const pid of running.filter((candidate) => !told.has(candidate))) {
        told.add(pid);
        kill(pid, signal);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
  return false;
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function processesOf(scratch) {
  const mark = `${MARK}=${scratch}`;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((entry) => {
      try {
        return readFileSync(`/proc/${entry}/environ`, 'utf8').split('\0').includes(mark);
      } catch {
        return false; // Another user's, or it ended while we looked.
      }
    })
    .map(Number);
}

import { chmodSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SdmError } from '../common/errors.js';
import { run } from '../common/exec.js';
import type { Step } from './plan.js';

const RUN_MS = 60_000;

/** What is said of a step before it is done. */
export function stepLine(step: Step): string {
  switch (step.kind) {
    case 'write':
      return `write   ${step.path}  (${step.why})`;
    case 'keep':
      return `keep    ${step.path}  (${step.why})`;
    case 'delete':
      return `delete  ${step.path}`;
    case 'run':
      return `run     ${step.argv.join(' ')}  (${step.why})`;
  }
}

/**
 * Does one step.
 * @param root directory that paths are below, "" for this machine.
 * @throws SDM_SYSTEM with what may be missing; SDM_COMMAND, SDM_TIMEOUT from a command.
 */
export async function perform(step: Step, root: string): Promise<void> {
  if (step.kind === 'keep') return;
  if (step.kind === 'run') {
    await run(step.argv, {
      timeoutMs: RUN_MS,
      hint: 'Files are in place; run the command again by hand, and what was to follow it.',
    });
    return;
  }
  const path = join(root, step.path);
  try {
    if (step.kind === 'write') write(path, step.text);
    else remove(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const denied = code === 'EACCES' || code === 'EPERM';
    const todo = denied ? 'do this as root, or into a directory of yours with --root' : message;
    throw new SdmError('SDM_SYSTEM', `${path} cannot be changed (${code}): ${todo}`, {
      details: { path, errno: code ?? null },
      cause,
    });
  }
}

/** Whole or not at all: systemd and udev may read it at any moment. */
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const draft = `${path}.${process.pid}.new`;
  try {
    writeFileSync(draft, text, { mode: 0o644 });
    // Whatever the umask: others read these.
    chmodSync(draft, 0o644);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** With the directory of drop-ins, once it is empty. */
function remove(path: string): void {
  rmSync(path, { force: true });
  if (!dirname(path).endsWith('.service.d')) return;
  try {
    rmdirSync(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
}

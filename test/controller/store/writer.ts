import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { waitFor } from '../../../src/common/wait.js';

const PROGRAM = join(import.meta.dirname, 'writer.mjs');

export interface Writer {
  readonly process: ChildProcess;
  /** Whole lines so far, of one kind, without their first word. */
  said(kind: string): string[];
  /** Waits for so many lines of a kind. */
  until(kind: string, count: number): Promise<void>;
  ended(): Promise<void>;
}

/** A process that commits with so many clients at once; see writer.mjs. */
export function startWriter(path: string, from: number, clients: number, size = 200): Writer {
  const child = spawn(process.execPath, [PROGRAM, path, ...[from, clients, size].map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  const closed = new Promise<void>((done) => child.once('close', () => done()));
  const said = (kind: string): string[] =>
    text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line === kind || line.startsWith(`${kind} `))
      .map((line) => line.slice(kind.length + 1));
  return {
    process: child,
    said,
    ended: () => closed,
    async until(kind, count) {
      const look = (): true | undefined => {
        if (said(kind).length >= count) return true;
        if (child.exitCode !== null) throw new Error(`the writer ended; it said:\n${text}`);
        return undefined;
      };
      await waitFor(`${count} lines "${kind}"`, look, { timeoutMs: 20_000, intervalMs: 2 });
    },
  };
}

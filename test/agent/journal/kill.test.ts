import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openJournal } from '../../../src/agent/journal/index.js';
import { toJson } from '../../../src/common/json.js';
import { listen, record } from './entries.js';

const RECORDER = join(import.meta.dirname, 'recorder.mjs');
const DEADLINE_MS = 60_000;

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'sdm-journal-test-'))));
afterEach(() => rmSync(dir, { recursive: true }));

/** Kills a recorder after it has printed `lines` numbers. @returns all that it printed. */
async function recordUntilKilled(first: number, lines: number): Promise<number[]> {
  const attachment = JSON.stringify(toJson(record()));
  const child = spawn(process.execPath, [RECORDER, dir, attachment, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > lines) child.kill('SIGKILL');
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${lines} lines did not come within ${DEADLINE_MS} ms; so far:\n${output}`));
    }, DEADLINE_MS);
    child.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  return output.split('\n').slice(0, -1).map(Number);
}

describe('killed with SIGKILL while it records for eight', () => {
  test(
    'all that it said is safe is there, and the next one goes on',
    { timeout: 240_000 },
    async () => {
      let first = 0;
      // Different numbers of entries: one ends soon after it began, one after some checkpoints.
      for (const lines of [1, 37, 200, 3000, 5]) {
        const said = await recordUntilKilled(first, lines);
        expect(said.length).toBeGreaterThanOrEqual(lines);
        const log = listen();
        const journal = await openJournal(dir, { log });
        const found = new Set(journal.state().attachments.keys());
        // Each forgets what lies 100 behind it, which may be done or not where it was killed.
        const kept = said.filter((n) => n > Math.max(...said) - 80);
        expect(kept.filter((n) => !found.has(`n${n}`))).toEqual([]);
        const gone = said.filter((n) => n >= 100 && n < Math.max(...said) - 120);
        expect(gone.filter((n) => n >= first && found.has(`n${n}`))).toEqual([]);
        await journal.close();
        first = Math.max(...said) + 1000;
      }
    },
  );
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Progress } from '../../src/common/progress.js';

function sink(isTTY: boolean): { text: string; isTTY: boolean; write(text: string): void } {
  return {
    text: '',
    isTTY,
    write(text) {
      this.text += text;
    },
  };
}

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-progress-'));
  vi.stubEnv('ARTDIR', dir);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
  rmSync(dir, { recursive: true });
});

describe('Progress', () => {
  it('marks a step that failed and passes its error on', async () => {
    const stream = sink(false);
    const progress = new Progress({ stream });
    await expect(
      progress.step('Fetch', () => Promise.reject(new Error('no network'))),
    ).rejects.toThrow('no network');
    expect(stream.text).toMatch(/^✗ Fetch {2}\d+\.\d s\n$/);
  });

  it('prints a plain line a step without a terminal', async () => {
    const stream = sink(false);
    const progress = new Progress({ stream, verbose: false });
    const result = await progress.step('Fetch', (report) => {
      progress.trace('unseen');
      report('3 files');
      return 42;
    });
    expect(result).toBe(42);
    expect(stream.text).toMatch(/^✓ Fetch \(3 files\) {2}\d+\.\d s\n$/);
  });

  it('says from time to time that a long step still runs', async () => {
    vi.useFakeTimers();
    const stream = sink(false);
    let finish = (): void => {};
    const step = new Progress({ stream }).step('Build', (report) => {
      report('half');
      return new Promise<void>((resolve) => (finish = resolve));
    });
    await vi.advanceTimersByTimeAsync(25_000);
    expect(stream.text.match(/ {2}Build … half {2}\d+\.\d s\n/g)).toHaveLength(2);
    finish();
    await step;
  });

  it('writes over one line on a terminal and leaves it clean', async () => {
    const stream = sink(true);
    const progress = new Progress({ stream, verbose: false });
    await progress.step('Fetch', () => progress.note('a note'));
    expect(stream.text).not.toMatch(/[^\n]\n[^\r]*Fetch/);
    expect(stream.text.endsWith(' s\n')).toBe(true);
    const visible = stream.text.split('\n').map((line) => line.split('\r\x1b[K').at(-1));
    expect(visible.slice(0, 2)).toEqual([
      'a note',
      expect.stringMatching(/^✓ Fetch {2}\d+\.\d s$/),
    ]);
  });

  it("sends every operation to the stream and FAME's log when VERBOSE", async () => {
    const stream = sink(false);
    const progress = new Progress({ stream, verbose: true });
    await progress.step('Fetch', () => progress.trace('+ apt-get update'));
    expect(stream.text).toContain('    + apt-get update\n');
    const log = readFileSync(join(dir, 'fabric_emulation.log'), 'utf8');
    expect(log).toMatch(/^\d{4}-\S+Z == Fetch\n\d{4}-\S+Z \+ apt-get update\n$/);
  });
});

import { describe, expect, it } from 'vitest';
import { run } from '../../src/common/exec.js';

const node = (code: string): [string, ...string[]] => [process.execPath, '-e', code];

describe('run', () => {
  it('refuses a command that is not there, with the advice', async () => {
    const failure = run(['/nonexistent/program'], { hint: 'Install it.' });
    await expect(failure).rejects.toMatchObject({ code: 'SDM_COMMAND' });
    await expect(failure).rejects.toThrow(/could not be started \(ENOENT\)[^]*Install it\./);
  });

  it('gives output and input whole', async () => {
    const text = 'ü'.repeat(100_000);
    const result = await run(['cat'], { input: text });
    expect(result).toEqual({ code: 0, stdout: text, stderr: '' });
  });

  it('shows the command and each line as it comes', async () => {
    const lines: string[] = [];
    await run(node('console.log("a\\nb"); console.error("c")'), { onLine: (l) => lines.push(l) });
    expect(lines[0]).toMatch(/^\+ .*node -e /);
    expect(lines.slice(1).sort()).toEqual(['a', 'b', 'c']);
  });

  it('says how a command failed, with the end of its output', async () => {
    const failing = node(
      'for (let i = 0; i < 99; i++) console.log("line", i); process.exitCode = 3',
    );
    await expect(run(failing)).rejects.toMatchObject({
      code: 'SDM_COMMAND',
      details: { exitCode: 3 },
      message: expect.stringMatching(
        /ended with 3\. The end of its output:\nline 69\n[^]*line 98$/,
      ),
    });
    expect((await run(failing, { okCodes: [0, 3] })).code).toBe(3);
  });

  it('does not mind a command that ends without reading its input', async () => {
    const big = 'x'.repeat(1 << 20);
    expect((await run(['true'], { input: big })).code).toBe(0);
  });

  /** Starts a grandchild that holds the output open, and prints its process id. */
  const family: [string, ...string[]] = ['sh', '-c', 'sleep 1000 & echo $!; wait'];

  function gone(pid: number): boolean {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  }

  it('kills a command with its children at the deadline', async () => {
    let child = 0;
    const failure = run(family, {
      timeoutMs: 3000,
      onLine: (line) => (child = Number(line) || child),
    });
    await expect(failure).rejects.toMatchObject({
      code: 'SDM_TIMEOUT',
      message: expect.stringContaining('did not end within 3 s'),
    });
    expect(child).toBeGreaterThan(0);
    await expect.poll(() => gone(child), { timeout: 10_000 }).toBe(true);
  });

  it('kills a command with its children when cancelled, and rejects with the reason', async () => {
    const controller = new AbortController();
    let child = 0;
    const failure = run(family, {
      signal: controller.signal,
      onLine: (line) => {
        child = Number(line);
        if (child > 0) controller.abort(new Error('enough'));
      },
    });
    await expect(failure).rejects.toThrow('enough');
    await expect.poll(() => gone(child), { timeout: 10_000 }).toBe(true);
    await expect(run(['true'], { signal: controller.signal })).rejects.toThrow('enough');
  });
});

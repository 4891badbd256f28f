import { describe, expect, it } from 'vitest';
import { run } from '../../src/common/exec.js';
import { maskPasswords } from '../../src/common/mask.js';

describe('passwords of addresses', () => {
  it.each([
    ['', ''],
    ['nothing at all: a@b', 'nothing at all: a@b'],
    ['http://proxy:3128/ and me@host', 'http://proxy:3128/ and me@host'],
    ['x=http://me:pw@proxy:1', 'x=http://me:***@proxy:1'],
    ['http://me:p:@w@proxy:1/a:b@c', 'http://me:***@proxy:1/a:b@c'],
    ['"https://:pw@a/" "http://u:pw@b/"', '"https://:***@a/" "http://u:***@b/"'],
  ])('are masked in %j', (text, masked) => {
    expect(maskPasswords(text)).toBe(masked);
  });

  it('are in neither what a command logs nor what its failure says', async () => {
    const lines: string[] = [];
    const failed = await run(['sh', '-c', 'echo http://me:secret@proxy/; exit 1'], {
      onLine: (line) => lines.push(line),
    }).catch((error: unknown) => error as Error);
    expect(lines).toContain('http://me:***@proxy/');
    expect(lines.join('\n')).not.toContain('secret');
    expect(failed).toMatchObject({ code: 'SDM_COMMAND' });
    expect(JSON.stringify({ ...failed, text: String(failed) })).not.toContain('secret');
  });
});

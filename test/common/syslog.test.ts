import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { readByJournal, toSyslog } from '../../src/common/syslog.js';
import { scratchDir } from '../support/scratch.js';

const scratch = scratchDir('syslog');
const line = (entry: object): string => toSyslog(`${JSON.stringify(entry)}\n`);

describe('a line for the journal of systemd', () => {
  it('is left as it is where it is not of our log', () => {
    expect(toSyslog('not JSON\n')).toBe('not JSON\n');
  });

  it('has its priority in front, and fields behind', () => {
    const entry = { time: 'now', pid: 1, hostname: 'h', name: 'sdm-agent' };
    expect(line({ ...entry, level: 'info', part: 'core', id: 'a1', n: 3, msg: 'attached' })).toBe(
      '<6>core: attached id=a1 n=3\n',
    );
    expect(line({ ...entry, level: 'error', msg: 'x' })).toBe('<3>x\n');
    expect(line({ ...entry, level: 'warn', ids: ['a'], msg: 'x' })).toBe('<4>x ids=["a"]\n');
    expect(line({ ...entry, level: 'debug', msg: 'x' })).toBe('<7>x\n');
  });

  it('says what an error says, once, with its code', () => {
    const err = { message: 'no pool', code: 'SDM_NO_POOL', stack: 'Error: no pool\n    at x' };
    expect(line({ level: 'warn', err, msg: 'not possible: no pool' })).toBe(
      '<4>not possible: no pool (SDM_NO_POOL)\n',
    );
    expect(line({ level: 'warn', err, msg: 'not possible' })).toBe(
      '<4>not possible no pool (SDM_NO_POOL)\n',
    );
  });

  it('keeps the stack of a defect, and every line its priority', () => {
    const err = { message: 'oops', stack: 'TypeError: oops\n    at f (x.js:1:2)' };
    expect(line({ level: 'error', err, msg: 'two\nlines' })).toBe(
      '<3>two\n<3>lines oops\n<3>TypeError: oops\n<3>    at f (x.js:1:2)\n',
    );
  });
});

describe('the journal of systemd', () => {
  it('reads only what it says that it reads', () => {
    const { dev, ino } = fstatSync(2);
    expect(readByJournal(2, {})).toBe(false);
    expect(readByJournal(2, { JOURNAL_STREAM: '1:1' })).toBe(false);
    expect(readByJournal(2, { JOURNAL_STREAM: `${dev}:${ino}` })).toBe(true);
    expect(readByJournal(9999, { JOURNAL_STREAM: `${dev}:${ino}` })).toBe(false);
  });

  it.each([
    ['gets lines', (dev: number, ino: number) => `${dev}:${ino}`, /^<6>hello n=0x10\n$/],
    ['leaves JSON to others', () => '1:1', /^\{"level":"info",.*"n":"0x10","msg":"hello"\}\n$/],
  ])('%s', (_what, stream, expected) => {
    const path = join(scratch, 'log');
    const fd = openSync(path, 'w');
    const { dev, ino } = fstatSync(fd);
    const module = join(projectDir(), 'dist/src/common/log.js');
    const code = `import { createLog } from ${JSON.stringify(module)};
      createLog('test', 'info').info({ n: 16n }, 'hello');`;
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'inherit', fd],
      env: { ...process.env, JOURNAL_STREAM: stream(dev, ino) },
    });
    closeSync(fd);
    expect(status).toBe(0);
    expect(readFileSync(path, 'utf8')).toMatch(expected);
  });
});

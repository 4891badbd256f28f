import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startBrick } from '../../src/rack/brick.js';
import { rackLayout, type BrickLayout } from '../../src/rack/layout.js';

let scratch: string;
let brick: BrickLayout;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sdm-brick-'));
  brick = rackLayout('r0', scratch).brick(1);
  mkdirSync(brick.dir, { recursive: true });
});
afterEach(() => rmSync(scratch, { recursive: true }));

describe('a brick that cannot be started', () => {
  it('is refused with the kernel’s reason', async () => {
    const refusal = (why: string): object => ({
      code: 'SDM_RACK_QEMU',
      message: `${brick.qemuCmd} could not be started: ${why}`,
    });
    await expect(startBrick(brick)).rejects.toMatchObject(refusal('ENOENT'));
    writeFileSync(brick.qemuCmd, '#!/bin/sh\n', { mode: 0o600 });
    await expect(startBrick(brick)).rejects.toMatchObject(refusal('EACCES'));
  });
});

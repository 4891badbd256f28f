import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { rackLayout } from '../../src/rack/layout.js';

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sdm-layout-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(scratch, { recursive: true });
});

describe('layout of a rack', () => {
  it('refuses names and directories that would not get through', () => {
    const input = expect.objectContaining({ code: 'SDM_INPUT' });
    expect(() => rackLayout('../up', scratch)).toThrow(input);
    expect(() => rackLayout('r0', '/tmp/a"b')).toThrow(input);
    expect(() => rackLayout('r0', '/tmp/$HOME')).toThrow(input);
    expect(() => rackLayout('r0', '/tmp/a\nb')).toThrow(input);
  });

  it('keeps everything in one directory, and memory on tmpfs', () => {
    const uid = process.getuid?.();
    const layout = rackLayout('r0', '/racks', '/dev/shm');
    expect(layout.dir).toBe('/racks/r0');
    expect(layout.pool).toBe(`/dev/shm/sdm-${uid}-r0/pool`);
    expect(layout.registers(2)).toBe(`/dev/shm/sdm-${uid}-r0/registers-2`);
    expect(layout.brick(2).qemuCmd).toBe('/racks/r0/brick-2/qemu.cmd');
    expect(layout.brick(2).consoleSocket).toBe('/racks/r0/brick-2/console.sock');
    expect(layout.brick(2).socketLinks).toEqual([]);
  });

  it('puts sockets elsewhere where the path is too long for them, with links', () => {
    const layout = rackLayout('r0', `/racks/${'x'.repeat(120)}`);
    const brick = layout.brick(16);
    const sockets = [brick.qmpSocket, brick.linksSocket, brick.consoleSocket, brick.sshSocket];
    // ssh adds a dot and 16 characters while it makes its socket.
    for (const path of sockets) expect(Buffer.byteLength(path) + 17).toBeLessThanOrEqual(107);
    expect(brick.socketLinks.map(([, target]) => target)).toEqual(sockets);
    expect(brick.socketLinks.map(([link]) => link)).toEqual(
      ['qmp.sock', 'links.sock', 'console.sock', 'ssh.sock'].map((name) => join(brick.dir, name)),
    );
    // Another rack's are others, the same rack's the same.
    expect(rackLayout('r1', `/racks/${'x'.repeat(120)}`).socketDir).not.toBe(layout.socketDir);
    expect(rackLayout('r0', `/racks/${'x'.repeat(120)}`).socketDir).toBe(layout.socketDir);
  });

  it('finds the pool where the rack was made, whatever SDM_SHM says now', () => {
    const uid = process.getuid?.();
    mkdirSync(join(scratch, 'r0'));
    symlinkSync(`/mnt/big/sdm-${uid}-r0/pool`, join(scratch, 'r0', 'pool'));
    vi.stubEnv('SDM_SHM', '/mnt/other');
    expect(rackLayout('r0', scratch).pool).toBe(`/mnt/big/sdm-${uid}-r0/pool`);
    expect(rackLayout('r1', scratch).pool).toBe(`/mnt/other/sdm-${uid}-r1/pool`);
  });

  it('does not follow a link to what is not its own', () => {
    mkdirSync(join(scratch, 'r0'));
    symlinkSync('/etc/passwd', join(scratch, 'r0', 'pool'));
    expect(rackLayout('r0', scratch).shmDir).toBe(`/dev/shm/sdm-${process.getuid?.()}-r0`);
  });
});

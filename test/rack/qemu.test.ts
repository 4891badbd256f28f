import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { rackLayout } from '../../src/rack/layout.js';
import { planRack } from '../../src/rack/plan.js';
import {
  kernelCommandLine,
  memPathOption,
  qemuArgs,
  qemuScript,
  readyTimeout,
  shellQuote,
  type QemuInput,
} from '../../src/rack/qemu.js';

const scratch = mkdtempSync(join(tmpdir(), 'sdm-qemu-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function input(over: Partial<QemuInput> = {}): QemuInput {
  const layout = rackLayout('r0', '/racks', '/dev/shm');
  return {
    rack: 'r0',
    brick: layout.brick(1),
    plan: planRack({ bricks: 2 }),
    qemu: 'stock',
    kernel: '/cache/kernel',
    root: '/cache/root.img',
    commandLine: 'console=ttyAMA0 quiet',
    registersPath: layout.registers(1),
    registersSize: 65536,
    poolPath: layout.pool,
    sshPort: 40022,
    ...over,
  };
}

/** Values of an option that may be given several times. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.filter((_, i) => args[i - 1] === option);
}

describe('command line of QEMU', () => {
  it('has registers and pool where agents and tests look for them', () => {
    const devices = valuesOf(qemuArgs(input()), '-device');
    expect(devices).toContain('ivshmem-plain,memdev=registers,addr=02.0');
    expect(devices).toContain('ivshmem-plain,memdev=pool,addr=03.0');
    const objects = valuesOf(qemuArgs(input()), '-object').join('\n');
    expect(objects).toMatch(/id=registers,share=on,size=65536,mem-path=.*registers-1$/m);
    expect(objects).toMatch(/id=pool,share=on,size=4294967296,mem-path=.*\/pool$/m);
  });

  it('lets nothing in but ssh from this host, and nothing out', () => {
    expect(valuesOf(qemuArgs(input()), '-netdev')).toEqual([
      'user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:40022-:22',
    ]);
  });

  it('asks for nothing that needs a privilege or QEMU’s defaults', () => {
    const args = qemuArgs(input());
    expect(args).toContain('-nodefaults');
    expect(args.join(' ')).not.toMatch(/kvm|-daemonize|-runas|tap|bridge/);
  });

  it('names nodes 1 and 2 and every distance between nodes', () => {
    const args = qemuArgs(input({ plan: planRack({ bricks: 2, distances: [30, 50] }) }));
    expect(valuesOf(args, '-numa')).toEqual([
      'node,nodeid=0,cpus=0,memdev=ram',
      'node,nodeid=1',
      'node,nodeid=2',
      'dist,src=0,dst=1,val=30',
      'dist,src=0,dst=2,val=50',
      'dist,src=1,dst=2,val=50',
    ]);
  });

  it('leaves devices out on request', () => {
    const args = qemuArgs(input({ omit: ['pool'] })).join(' ');
    expect(args).not.toContain('memdev=pool');
    expect(args).toContain('memdev=registers');
  });

  it('has one device for both on a patched QEMU, and no file of registers', () => {
    const args = qemuArgs(input({ qemu: 'patched' }));
    expect(valuesOf(args, '-device')).toContain('sdm-memport,id=memports,addr=02.0,memdev=pool');
    const pool = valuesOf(args, '-object').find((object) => object.includes('id=pool'));
    expect(pool).toBe(
      'memory-backend-remote,id=pool,offset=0,size=4294967296,mem-path=/dev/shm/sdm-0-r0/pool'.replace(
        '-0-',
        `-${process.getuid?.()}-`,
      ),
    );
    // by which it is known who uses a pool
    expect(pool?.endsWith(memPathOption(rackLayout('r0', '/racks', '/dev/shm').pool))).toBe(true);
    expect(args.join(' ')).not.toMatch(/ivshmem|registers-1/);
  });

  it('leaves the parts of that device out on request', () => {
    const devices = (omit: NonNullable<QemuInput['omit']>): string =>
      qemuArgs(input({ qemu: 'patched', omit })).join(' ');
    expect(devices(['pool'])).toContain('sdm-memport,id=memports,addr=02.0 ');
    expect(devices(['pool'])).not.toContain('memory-backend-remote');
    expect(devices(['registers'])).not.toMatch(/sdm-memport|memory-backend-remote/);
  });

  it('puts more arguments last', () => {
    const more = ['-device', 'pci-testdev'];
    expect(qemuArgs(input({ more })).slice(-2)).toEqual(more);
  });

  it('writes a comma in a path twice', () => {
    expect(memPathOption('/a,b/pool')).toBe(',mem-path=/a,,b/pool');
    expect(qemuArgs(input({ root: '/a,b' })).join(' ')).toContain('file.filename=/a,,b');
  });

  it('gives the guest a little less time to be ready than the host waits', () => {
    expect(readyTimeout(180_000)).toBe('sdm.timeout=162');
    expect(readyTimeout(3_600_000)).toBe('sdm.timeout=3240');
    expect(readyTimeout(10_000)).toBe('sdm.timeout=5');
    expect(readyTimeout(1000)).toBe('sdm.timeout=1');
  });

  it('puts what is appended last', () => {
    expect(kernelCommandLine(['quiet', 'panic=-1'], 'panic=5')).toBe('quiet panic=-1 panic=5');
    expect(kernelCommandLine(['quiet'], '')).toBe('quiet');
  });
});

describe('script of a brick', () => {
  it('hands over exactly its arguments', () => {
    const script = join(scratch, 'qemu.cmd');
    const word = fc.string({ minLength: 1 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(word), (args) => {
        // printf "%s\0" shows what a program would be given.
        writeFileSync(script, qemuScript('printf', ['%s\\0', ...args, 'end'], ['about']));
        chmodSync(script, 0o700);
        const shown = execFileSync(script, ['more']).toString().split('\0').slice(0, -1);
        expect(shown).toEqual([...args, 'end', 'more']);
      }),
      { numRuns: 30 },
    );
  });

  it('has one argument a line', () => {
    const lines = qemuScript('qemu', ['-m', '512M'], ['about']).split('\n');
    expect(lines).toEqual([
      '#!/bin/sh',
      '# about',
      'exec qemu \\',
      '  -m \\',
      '  512M \\',
      '  "$@"',
      '',
    ]);
  });

  it('quotes what a shell would read', () => {
    expect(shellQuote("it's $HOME")).toBe(`'it'\\''s $HOME'`);
    expect(shellQuote('/plain/path=1,2')).toBe('/plain/path=1,2');
    expect(shellQuote('')).toBe("''");
  });
});

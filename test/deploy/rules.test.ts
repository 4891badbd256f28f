import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { COMMANDS, KMEM_COMMANDS } from '../../src/agent/memory/window.js';
import { IVSHMEM, PCI_KINDS, SDM_MEMPORT } from '../../src/agent/backend/pci.js';
import { SDMC, sdmcDirectory } from '../../src/agent/backend/sdmc.js';
import { BLOCK_MAX } from '../../src/abi/constants.js';

const path = join(projectDir(), 'deploy/udev/60-sdm.rules');
const rules = readFileSync(path, 'utf8');
const verifies =
  spawnSync('udevadm', ['verify', '--help'], { encoding: 'utf8' }).stdout?.includes('verify') ??
  false;

describe("udev's rules", () => {
  it.skipIf(!verifies)('are understood (skipped without udev 254)', () => {
    const { status, stderr } = spawnSync('udevadm', ['verify', path], { encoding: 'utf8' });
    expect({ status, stderr }).toMatchObject({ status: 0 });
  });

  it('jump only to labels that are there, each of which is used', () => {
    const names = (key: string): string[] =>
      [...rules.matchAll(new RegExp(`\\b${key}="(\\w+)"`, 'g'))].map((match) => match[1]!);
    expect(new Set(names('GOTO'))).toEqual(new Set(names('LABEL')));
  });

  it('give the agent every command and answer of the module', () => {
    const given = /chown sdm-agent ([\w ]+)'/.exec(rules)?.[1]?.split(' ') ?? [];
    const source = readFileSync(join(projectDir(), 'kernel/module/sdmc_mem/command.c'), 'utf8');
    const attributes = [...source.matchAll(/^\t&(?:dev_attr|command)_(\w+?)(?:\.attr)+,$/gm)].map(
      (match) => match[1]!,
    );
    expect(attributes).toEqual(expect.arrayContaining([...COMMANDS, ...KMEM_COMMANDS]));
    expect([...given].sort()).toEqual(attributes.sort());
  });

  it('open what the driver has of a device, and UIO devices that the agent takes for registers', () => {
    expect(rules).toContain(`DRIVER=="${SDMC}", TEST=="${sdmcDirectory('/sys')}/$kernel"`);
    expect(rules).toContain(`find ${sdmcDirectory('/sys')}/$kernel -type f -exec /bin/chown`);
    expect(rules).toMatch(/SUBSYSTEM=="uio", ATTR\{name\}=="\*memport\*", OWNER="sdm-agent"/);
  });

  it('look for registers where the agent does, and leave pools alone', () => {
    for (const { id } of PCI_KINDS) {
      const [vendor, device] = id.split(':');
      expect(rules).toContain(`ATTR{vendor}=="0x${vendor}", ATTR{device}=="0x${device}"`);
    }
    expect(rules).toContain(`-name resource${IVSHMEM.registers} -size -${BLOCK_MAX + 1}c`);
    expect(rules).toContain(`chown sdm-agent $sys$devpath/resource${SDM_MEMPORT.registers}"`);
    expect(rules).not.toContain(`resource${SDM_MEMPORT.memory}"`);
  });
});

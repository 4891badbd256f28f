import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { faultsOf } from '../../../src/agent/config-check.js';
import { ConfigFile, editorSchema } from '../../../src/agent/config-schema.js';
import { agentConfig } from '../../../src/rack/brick-files.js';
import { planRack } from '../../../src/rack/plan.js';

const bar = { brick: 'b1', registers: { backend: 'bar' } };
const file = { brick: 'b1', registers: { backend: 'file', path: '/r' } };
const ajv = new Ajv({ strict: false, allErrors: true });
const validate = ajv.compile(editorSchema());

describe('the schema for editors', () => {
  it.each<[string, unknown]>([
    ['no object', []],
    ['an unknown key', { ...bar, brik: 'b' }],
    ['no registers', { brick: 'b' }],
    ['an unknown backend', { brick: 'b', registers: { backend: 'usb' } }],
    ['a path with bar', { brick: 'b', registers: { backend: 'bar', path: '/r' } }],
    ['a UIO device with sysfs', { brick: 'b', registers: { backend: 'sysfs', uio: 'uio0' } }],
    ['a PCI address with uio', { brick: 'b', registers: { backend: 'uio', pci: 'auto' } }],
    [
      'a device node as UIO device',
      { brick: 'b', registers: { backend: 'uio', uio: '/dev/uio0' } },
    ],
    ['a device with bar', { brick: 'b', registers: { backend: 'bar', device: 'a.b' } }],
    ['a device with file', { brick: 'b', registers: { ...file.registers, device: 'a.b' } }],
    ['two devices', { brick: 'b', registers: { backend: 'sysfs', device: 'a.b', pci: 'auto' } }],
    ['two UIO devices', { brick: 'b', registers: { backend: 'uio', device: 'a.b', uio: 'auto' } }],
    ['a way to RAM with file', { ...file, memory: { way: 'module' } }],
    ['no path with file', { brick: 'b', registers: { backend: 'file' } }],
    ['a PCI address with file', { brick: 'b', registers: { ...file.registers, pci: 'auto' } }],
    ['a pool of nothing', { ...bar, pool: {} }],
    ['a pool of both', { ...bar, pool: { pci: 'auto', path: '/p' } }],
    ['the pool of the other backend', { ...file, pool: { pci: 'auto' } }],
    ['a number as address', { ...bar, shares: [{ start: 0, size: '0x1000' }] }],
    ['a relative state directory', { ...bar, stateDir: 'state' }],
    ['a poll that is too short', { ...bar, linkPollMs: 1 }],
  ])('and the agent refuse %s', (_what, value) => {
    expect(faultsOf(value)).not.toEqual([]);
    expect(validate(value)).toBe(false);
  });

  it.each<[string, unknown]>([
    ['the least there is', bar],
    ['the way that there is', { brick: 'b', registers: { backend: 'auto', pci: '0000:00:02.0' } }],
    ['the driver', { ...bar, registers: { backend: 'sysfs' }, pool: { pci: 'auto' } }],
    [
      'a UIO device',
      { ...bar, registers: { backend: 'uio', uio: 'uio12' }, pool: { pci: 'auto' } },
    ],
    ['a device on a board', { brick: 'b', registers: { backend: 'auto', device: 'a0.memport' } }],
    ['one of UIO', { brick: 'b', registers: { backend: 'uio', device: 'a0.memport' } }],
    ['a brick that is a process', { ...file, pool: { path: '/p' } }],
    ['a word for the editor', { $schema: './agent.schema.json', ...bar }],
    ['all keys', { ...bar, pool: { pci: '0000:00:03.0' }, ...everyOther() }],
    ['what a rack writes', agentConfig('r', planRack({ bricks: 2 }), 2, 'stock')],
    ['what one on our QEMU writes', agentConfig('r', planRack({ bricks: 2 }), 2, 'patched')],
  ])('and the agent take %s', (_what, value) => {
    expect(faultsOf(value)).toEqual([]);
    expect(validate(value), ajv.errorsText(validate.errors)).toBe(true);
  });

  it('keeps to its own draft, and describes every key', () => {
    const schema = editorSchema() as { properties: Record<string, { description?: string }> };
    expect(new Ajv({ strict: false }).validateSchema(schema)).toBe(true);
    const silent = Object.entries(schema.properties).filter(([, key]) => !key.description);
    expect(silent.map(([name]) => name)).toEqual([]);
    expect(Object.keys(schema.properties)).toEqual(Object.keys(ConfigFile.properties));
  });
});

function everyOther(): object {
  return {
    shares: [{ start: '0x200000', size: '0x200000', shared: true }],
    socket: '/run/a.sock',
    socketGroup: 'sdm',
    node: 2,
    memory: { way: 'kmem', memmapOnMemory: true },
    offlineTimeoutMs: 1,
    linkTimeoutMs: 1,
    queueTimeoutMs: 1,
    linkPollMs: 10,
    stateDir: '/s',
    addresses: ['10.0.0.1'],
    checks: { alignment: false, remoteOverlap: false },
    log: 'debug',
  };
}

import { describe, expect, it } from 'vitest';
import { SdmError } from '../../../src/common/errors.js';
import type { DoctorOptions } from '../../../src/agent/doctor/index.js';
import { formatted } from '../../abi/examples.js';
import { REGISTERS, sdmcTree } from '../probe/tree.js';
import { block, BOOT_ID, examineCase, holdRow, status, STRANGER, type Row } from './examining.js';

const MINIMAL = '"brick": "b1", "registers": {"backend": "bar"}';

const answering = (error: SdmError): Pick<DoctorOptions, 'askOn'> => ({
  askOn: () => () => Promise.reject(error),
});
const unreachable = (errno: string): Pick<DoctorOptions, 'askOn'> =>
  answering(new SdmError('SDM_UNREACHABLE', `not to be asked (${errno})`, { details: { errno } }));

const ROWS: Row[] = [
  [
    'Node.js is too old',
    { options: { nodeVersion: '20.18.3' } },
    'node',
    'problem',
    { cause: /20\.19/ },
  ],
  ['Node.js is the oldest that does', { options: { nodeVersion: '20.19.0' } }, 'node', 'ok', {}],
  ['Node.js is newer', { options: { nodeVersion: '24.0.0' } }, 'node', 'ok', {}],
  [
    'the addon is not built',
    {
      options: {
        loadNative: () =>
          Promise.reject(new SdmError('SDM_ADDON', 'no addon; build it: node /x/build-addon.mjs')),
      },
    },
    'addon',
    'problem',
    { found: /^no addon$/, command: /^node \/x\/build-addon\.mjs$/ },
  ],
  [
    'boot_id is hidden',
    { tree: { 'proc/sys/kernel/random/boot_id': undefined } },
    'boot-id',
    'problem',
    { cause: /reboot/, mend: /ProcSubset/ },
  ],
  [
    'boot_id is no id',
    { tree: { 'proc/sys/kernel/random/boot_id': 'today\n' } },
    'boot-id',
    'problem',
    { found: /"today"/ },
  ],
  [
    'the configuration is missing',
    { options: { configPath: '/nonexistent/agent.json' } },
    'config',
    'problem',
    {
      found: /no configuration \/nonexistent\/agent\.json/,
      command: />\/nonexistent\/agent\.json$/,
    },
  ],
  ['the configuration is no JSON', { config: '{' }, 'config', 'problem', { found: /not JSON/ }],
  [
    'the configuration has two faults',
    { config: `{${MINIMAL}, "nodes": 1, "socket": "x"}` },
    'config',
    'problem',
    { found: /nodes: .*socket: /s, command: /^sdm-agent config check / },
  ],
  ['no shares', { config: { shares: [] } }, 'shares', 'warning', { cause: /every attach/ }],
  [
    'only shared shares',
    { config: { shares: [{ start: '0x200000', size: '0x200000', shared: true }] } },
    'shares',
    'warning',
    { cause: /System RAM|system RAM/i },
  ],
  [
    'a share ends beyond the pool',
    { config: { shares: [{ start: '0x8000000', size: '0x100000000' }] } },
    'shares',
    'warning',
    { found: /shares\[0\] .*0x100000000/ },
  ],
  ['neither pool nor shares', { config: `{${MINIMAL}}` }, 'shares', 'note', { cause: /memports/ }],
  [
    'no shares of what registers lead to that translate',
    {
      config: `{${MINIMAL}}`,
      tree: {
        [`sys/bus/pci/devices/${REGISTERS}/resource2`]: block([], formatted('zynq', 0n)),
      },
    },
    'shares',
    'warning',
    { cause: /every attach/, mend: /^add what .* as "shares" to/ },
  ],
  [
    'an agent may not be asked',
    { options: unreachable('EACCES') },
    'agent',
    'warning',
    { found: /may not ask/, mend: /root/ },
  ],
  ['a dead agent left its socket', { options: unreachable('ECONNREFUSED') }, 'agent', 'note', {}],
  [
    'something on the socket is silent',
    { options: answering(new SdmError('SDM_TIMEOUT', 'not answered within 1 ms')) },
    'agent',
    'problem',
    { found: /not answered/ },
  ],
  ['no group is configured', { config: { socketGroup: undefined } }, 'socket-group', 'note', {}],
  [
    'the group is missing',
    { config: { socketGroup: 'borrowers' } },
    'socket-group',
    'problem',
    { command: /^groupadd --system borrowers$/ },
  ],
  [
    'who runs the agent is no member of the group',
    { tree: { 'proc/self/status': status(STRANGER + 1), 'etc/group': 'sdm:x:7:alice\n' } },
    'socket-group',
    'problem',
    { command: /^usermod .*sdm/ },
  ],
  [
    'the socket cannot be made',
    { tree: { 'proc/self/status': status(STRANGER + 1) } },
    'socket',
    'problem',
    { found: /may not make a socket/, mend: /"socket"/ },
  ],
  [
    'the state directory can be made',
    { config: { stateDir: '/tmp/sdm-none/state' } },
    'state-dir',
    'ok',
    {},
  ],
  [
    'the state directory is a file',
    { config: { stateDir: '/etc/passwd' } },
    'state-dir',
    'problem',
    { found: /no directory/ },
  ],
  [
    'the state directory is of another user',
    { tree: { 'proc/self/status': status(STRANGER + 1) } },
    'state-dir',
    'problem',
    { found: /may not write there/, command: /^find .* -exec chown 54322 / },
  ],
  [
    'the state directory is missing where it cannot be made',
    { tree: { 'proc/self/status': status(STRANGER + 1) }, config: { stateDir: '/usr/sdm-none' } },
    'state-dir',
    'problem',
    { found: /\/usr\/sdm-none is missing/, command: /^install -d -m 0700 -o .* \/usr\/sdm-none$/ },
  ],
  [
    'what kind of disk is not known',
    { tree: { 'proc/self/mountinfo': undefined } },
    'state-disk',
    'note',
    {},
  ],
  [
    'the state directory is in memory',
    { tree: { 'proc/self/mountinfo': '1 0 0:1 / / rw - rootfs none rw\n' } },
    'state-disk',
    'warning',
    { cause: /lost at a reboot/ },
  ],
  [
    'a tmpfs covers a disk',
    {
      tree: {
        'proc/self/mountinfo':
          '1 0 8:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / /tmp rw - tmpfs none rw\n',
      },
      config: { stateDir: '/tmp/sdm-state-of-nobody' },
    },
    'state-disk',
    'warning',
    { found: /\/tmp \(tmpfs\)/ },
  ],
  [
    'another path begins as a mount does',
    {
      tree: {
        'proc/self/mountinfo':
          '1 0 8:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / /tm rw - tmpfs none rw\n',
      },
      config: { stateDir: '/tmp/sdm-state-of-nobody' },
    },
    'state-disk',
    'ok',
    {},
  ],
  [
    'the disk is read-only',
    { tree: { 'proc/self/mountinfo': '1 0 8:1 / / ro - ext4 /dev/x rw\n' } },
    'state-disk',
    'problem',
    { command: /remount,rw/ },
  ],
  [
    'the disk is on another machine',
    { tree: { 'proc/self/mountinfo': '1 0 0:1 / / rw - nfs4 server:/x rw\n' } },
    'state-disk',
    'warning',
    {},
  ],
  [
    'the disk is nearly full',
    { options: free(32n << 20n) },
    'state-space',
    'warning',
    { found: /32 MiB/ },
  ],
  [
    'the disk is full',
    { options: free(1n << 20n) },
    'state-space',
    'problem',
    { cause: /journal/ },
  ],
  [
    'no inode is free',
    { options: { statfs: () => ({ free: 1n << 40n, total: 1n << 41n, inodes: 0n }) } },
    'state-space',
    'problem',
    { found: /no inode/ },
  ],
];

function free(bytes: bigint): Pick<DoctorOptions, 'statfs'> {
  return { statfs: () => ({ free: bytes, total: 1n << 41n, inodes: 1n }) };
}

describe('what the agent is made of and told', () => {
  it.each(ROWS)('%s', (...row) => holdRow(row));

  it('is examined to its end without a configuration and without an addon', async () => {
    const { report } = await examineCase({
      options: {
        configPath: '/nonexistent',
        loadNative: () => Promise.reject(new Error('none here')),
        scratch: true,
      },
    });
    expect(report.brick).toBeNull();
    expect(report.findings.find(({ id }) => id === 'registers')?.level).toBe('problem');
    expect(report.findings.find(({ id }) => id === 'scratch')?.level).toBe('note');
  });

  it('says which boot this is', async () => {
    expect((await examineCase()).find('boot-id').found).toContain(BOOT_ID);
  });
});

const SYSTEMD = { 'run/systemd/system/there': '' };
const UNIT = {
  LoadState: 'loaded',
  UnitFileState: 'enabled',
  ActiveState: 'active',
  Type: 'notify',
  WatchdogUSec: '30s',
  NRestarts: '0',
  User: '',
  CapabilityBoundingSet: 'cap_chown cap_dac_override cap_sys_admin',
  LimitNOFILE: '524288',
  LimitFSIZE: 'infinity',
  MemoryMax: 'infinity',
};
const unit = (changes: Partial<Record<string, string>> = {}): Row[1] => ({
  tree: SYSTEMD,
  options: {
    showUnit: () =>
      Promise.resolve(
        Object.entries({ ...UNIT, ...changes })
          .map(([key, value]) => `${key}=${value}\n`)
          .join(''),
      ),
  },
});

const SERVICE: Row[] = [
  [
    'systemd is silent',
    { tree: SYSTEMD, options: { showUnit: () => Promise.reject(new Error('no bus')) } },
    'service',
    'warning',
    { found: /no bus/ },
  ],
  [
    'there is no unit',
    unit({ LoadState: 'not-found' }),
    'service',
    'note',
    { command: /service install/ },
  ],
  ['it runs', unit(), 'service', 'ok', { found: /active and enabled/ }],
  ['it is pinged', unit({ WatchdogUSec: '1min 30s' }), 'watchdog', 'ok', { found: /90 s/ }],
  [
    'it failed',
    unit({ ActiveState: 'failed' }),
    'service',
    'problem',
    { command: /journalctl -u sdm-agent/ },
  ],
  [
    'it is not enabled',
    unit({ UnitFileState: 'disabled' }),
    'service',
    'warning',
    { command: /enable --now/ },
  ],
  [
    'it does not run',
    unit({ ActiveState: 'inactive' }),
    'service',
    'note',
    { command: /systemctl start/ },
  ],
  ['it was restarted', unit({ NRestarts: '3' }), 'service', 'ok', { found: /restarted 3 times/ }],
  ['it has no watchdog', unit({ WatchdogUSec: '0' }), 'watchdog', 'note', {}],
  ['it does not notify', unit({ Type: 'simple' }), 'watchdog', 'warning', { found: /Type=simple/ }],
  [
    'it may open few files',
    unit({ LimitNOFILE: '256' }),
    'open-files',
    'warning',
    { command: /LimitNOFILE=1024/ },
  ],
  [
    'it may use little memory',
    unit({ MemoryMax: '67108864' }),
    'memory-limit',
    'warning',
    { found: /64 MiB/ },
  ],
  [
    'systemd makes its socket directory',
    { ...unit({ RuntimeDirectory: 'sdm' }), config: { socket: '/run/sdm/agent.sock' } },
    'socket',
    'ok',
    { found: /systemd/ },
  ],
  [
    'systemd makes its state directory',
    { ...unit({ StateDirectory: 'sdm-agent-of-nobody' }), config: { stateDir: undefined } },
    'state-dir',
    'ok',
    { found: /\/var\/lib\/sdm-agent-of-nobody is made by systemd/ },
  ],
  [
    'its user has nothing of the registers',
    unit({ User: 'sdm-agent', CapabilityBoundingSet: '' }),
    'registers-access',
    'problem',
    { cause: /runs as that user/, command: /service install/ },
  ],
  [
    'its user has nothing of sdmc',
    {
      ...unit({ User: 'sdm-agent', CapabilityBoundingSet: '' }),
      tree: {
        ...SYSTEMD,
        ...sdmcTree(block()),
        [`sys/bus/pci/devices/${REGISTERS}/resource2`]: undefined,
      },
      config: { registers: { backend: 'sysfs' } },
    },
    'registers-access',
    'problem',
    { command: /--action=add --subsystem-match=pci --subsystem-match=platform$/ },
  ],
];

describe('the service', () => {
  it.each(SERVICE)('%s', (...row) => holdRow(row));

  it('is who is asked what it may do, and not who asks', async () => {
    const { report } = await examineCase(unit({ User: 'nobody-at-all' }));
    expect(report.runner).toEqual({ name: 'nobody-at-all', uid: -1, from: 'service' });
  });
});

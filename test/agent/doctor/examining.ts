import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { expect } from 'vitest';
import {
  CHECKS,
  type CheckId,
  type Finding,
  type Level,
} from '../../../src/agent/doctor/finding.js';
import { examine, type DoctorOptions } from '../../../src/agent/doctor/index.js';
import { Report } from '../../../src/agent/doctor/report.js';
import { reportText } from '../../../src/agent/doctor/text.js';
import { SdmError } from '../../../src/common/errors.js';
import { native } from '../../../src/native/index.js';
import { toBuffer } from '../../../src/abi/codec.js';
import type { BlockHeader, MemportRegisters } from '../../../src/abi/parser.js';
import { EMPTY, formatted } from '../../abi/examples.js';
import { brickTree, POOL, POOL_BASE, POOL_SIZE, REGISTERS, writeTree } from '../probe/tree.js';
import type { Tree } from '../probe/tree.js';

export const RELEASE = '6.12.1-test';
export const BOOT_ID = '9402418e-0163-4b36-b6ff-0df75121a0c0';
/** Nobody's: whoever runs the tests owns what they write. */
export const STRANGER = 54_321;
const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;
/** A group that is not root's: only root may give files to one that is not its own. */
export const SDM_GID = uid === 0 ? STRANGER : gid;

export const hexRange = (start: bigint, size: bigint): string =>
  `${start.toString(16).padStart(10, '0')}-${(start + size - 1n).toString(16).padStart(10, '0')}`;

/** Lines of a module's file as `modinfo` would print them. */
export const moduleFile = (release: string, srcversion = 'AAAA'): string =>
  `\x7fELF\0version=1.0\0srcversion=${srcversion}\0vermagic=${release} SMP mod_unload aarch64\0`;

export function status(user: number, caps = 0n, groups: readonly number[] = []): string {
  return (
    `Name:\tnode\nUid:\t${user}\t${user}\t${user}\t${user}\nGid:\t${gid}\t${gid}\t${gid}\t${gid}\n` +
    `Groups:\t${groups.join(' ')} \nCapEff:\t${caps.toString(16).padStart(16, '0')}\n`
  );
}

/** A register block of a pool of POOL_SIZE, with these memports from 0 on. */
export function block(
  memports: MemportRegisters[] = [],
  header: Partial<BlockHeader> = {},
): Buffer {
  const all = { ...formatted('generic', POOL_SIZE), ...header };
  const rest = Array.from({ length: all.nports - memports.length }, () => EMPTY);
  return toBuffer({ header: all, memports: [...memports, ...rest] });
}

/** A brick that is set up as it should be, and runs no agent. */
export function soundTree(): Tree {
  const registers = { start: 0x10010000n, size: 0x10000n };
  return {
    ...brickTree(block()),
    [`sys/bus/pci/devices/${REGISTERS}/enable`]: '1\n',
    [`sys/bus/pci/devices/${POOL}/enable`]: '1\n',
    'sys/devices/system/memory/memory0/state': 'online\n',
    'sys/module/sdmc_mem/srcversion': 'AAAA\n',
    'sys/module/module/parameters/sig_enforce': 'N\n',
    'proc/self/status': status(uid, 0n, [SDM_GID]),
    'proc/self/limits':
      'Limit                     Soft Limit           Hard Limit           Units     \n' +
      'Max file size             unlimited            unlimited            bytes     \n' +
      'Max open files            1024                 4096                 files     \n',
    'proc/self/cgroup': '0::/user.slice/session.scope\n',
    'proc/self/mountinfo':
      '1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n2 1 0:20 / /sys rw - sysfs sysfs rw\n',
    'proc/sys/vm/overcommit_memory': '0\n',
    'proc/sys/kernel/random/boot_id': `${BOOT_ID}\n`,
    'proc/cmdline': 'console=ttyAMA0 memhp_default_state=offline\n',
    'proc/iomem':
      `40000000-5fffffff : System RAM\n` +
      `10000000-3efeffff : pcie@10000000\n` +
      `  ${hexRange(registers.start, registers.size)} : ${REGISTERS}\n` +
      `8000000000-ffffffffff : pcie@10000000\n` +
      `  ${hexRange(POOL_BASE, POOL_SIZE)} : ${POOL}\n` +
      `    ${hexRange(POOL_BASE, POOL_SIZE)} : sdm-window\n`,
    [`boot/config-${RELEASE}`]:
      'CONFIG_DEVMEM=y\nCONFIG_STRICT_DEVMEM=y\nCONFIG_IO_STRICT_DEVMEM=y\n' +
      'CONFIG_MEMORY_HOTREMOVE=y\nCONFIG_SECURITY_LOCKDOWN_LSM=y\n# CONFIG_OTHER is not set\n',
    [`lib/modules/${RELEASE}/modules.dep`]: 'updates/sdmc_mem.ko:\n',
    [`lib/modules/${RELEASE}/updates/sdmc_mem.ko`]: moduleFile(RELEASE),
    'dev/sdm-window': '',
    'etc/group': `root:x:0:\nsdm:x:${SDM_GID}:alice,bob\n`,
    'etc/passwd': `root:x:0:0::/root:/bin/sh\nme:x:${uid}:${gid}::/:/bin/sh\n`,
  };
}

export interface Case {
  /** Files in place of those of {@link soundTree}; undefined: not there. */
  readonly tree?: Record<string, Tree[string] | undefined>;
  /** Modes of files of the tree. */
  readonly modes?: Record<string, number>;
  /** Keys in place of the configuration's, or its whole text. */
  readonly config?: object | string;
  readonly options?: Partial<DoctorOptions>;
  /** Makes more, given the directory in which `state` is the state directory. */
  readonly prepare?: (dir: string) => Promise<void>;
}

export interface Examined {
  readonly report: Report;
  /** The finding of an id: there is one of each at most. */
  find(id: CheckId): Finding;
  /** Ids of findings of a level. */
  at(level: Level): CheckId[];
  readonly dir: string;
}

const noAgent = () => () =>
  Promise.reject(
    new SdmError('SDM_UNREACHABLE', 'no such socket', { details: { errno: 'ENOENT' } }),
  );

/** Writes a brick, examines it, and holds what every report must keep to. */
export async function examineCase({
  tree,
  modes,
  config,
  options,
  prepare,
}: Case = {}): Promise<Examined> {
  const dir = mkdtempSync(join(tmpdir(), 'sdm-doctor-'));
  chmodSync(dir, 0o755);
  try {
    const files = { ...soundTree(), ...tree };
    const root = join(dir, 'root');
    const there = Object.entries(files).filter(([, content]) => content !== undefined);
    writeTree(root, Object.fromEntries(there) as Tree);
    if (files['dev/sdm-window'] !== undefined) {
      chmodSync(join(root, 'dev/sdm-window'), 0o660);
      if (uid === 0) chownSync(join(root, 'dev/sdm-window'), 0, SDM_GID);
    }
    for (const [path, mode] of Object.entries(modes ?? {})) chmodSync(join(root, path), mode);
    mkdirSync(join(dir, 'state'));
    const configPath = join(dir, 'agent.json');
    writeFileSync(configPath, typeof config === 'string' ? config : configOf(dir, config));
    await prepare?.(dir);
    const report = await examine({
      root,
      configPath,
      loadNative: () => Promise.resolve(native),
      askOn: noAgent,
      statfs: () => ({ free: 1n << 40n, total: 1n << 41n, inodes: 1000n }),
      scratch: false,
      ...options,
    });
    return { ...holdReport(report), dir };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function configOf(dir: string, keys: object | undefined): string {
  return JSON.stringify({
    brick: 'b1',
    registers: { backend: 'bar' },
    pool: { pci: 'auto' },
    shares: [{ start: '0x8000000', size: '0x40000000' }],
    socket: join(dir, 'agent.sock'),
    socketGroup: 'sdm',
    stateDir: join(dir, 'state'),
    ...keys,
  });
}

const validate = new Ajv({ strict: false }).compile(Report);

/** What is true of every report, whatever it says. */
export function holdReport(report: Report): Omit<Examined, 'dir'> {
  expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
  const { findings, counts } = report;
  expect(Object.values(counts).reduce((a, b) => a + b)).toBe(findings.length);
  const ids = findings.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)]);
  const text = reportText(report);
  for (const { id, area, level, found, cause, mend, command } of findings) {
    expect(area).toBe(CHECKS[id]);
    expect(text).toContain(found);
    if (level === 'ok')
      expect({ id, cause, mend, command }).toEqual({ id, cause: null, mend: null, command: null });
    if (level === 'note' || level === 'ok') continue;
    expect({ id, cause }).not.toEqual({ id, cause: null });
    expect({ id, todo: mend ?? command }).not.toEqual({ id, todo: null });
  }
  return {
    report,
    find: (id) => {
      expect(ids).toContain(id);
      return findings.find((finding) => finding.id === id)!;
    },
    at: (level) => findings.filter((finding) => finding.level === level).map(({ id }) => id),
  };
}

/** One row of a table: what is so, what makes it so, and what is to be said. */
export type Row = readonly [
  what: string,
  made: Case,
  id: CheckId,
  level: Level,
  said: {
    readonly found?: RegExp;
    readonly cause?: RegExp;
    readonly mend?: RegExp;
    readonly command?: RegExp;
  },
];

export async function holdRow([, made, id, level, said]: Row): Promise<void> {
  const { find } = await examineCase(made);
  const finding = find(id);
  expect({ id, level: finding.level, found: finding.found }).toMatchObject({ id, level });
  for (const [key, pattern] of Object.entries(said)) {
    expect(finding[key as keyof typeof said], `${id}.${key}`).toMatch(pattern);
  }
}

import type { BrickLayout } from './layout.js';
import { brickName } from './names.js';
import type { RackPlan } from './plan.js';
import type { QemuKind } from './qemu-binary.js';
import { SDM_DEVICE } from './sdm-device.js';

/** PCI addresses of a brick's devices; the agent's configuration names them. */
export const PCI = {
  network: '01.0',
  /** An ivshmem device, or the sdm-memport of a patched QEMU, which needs no other for the pool. */
  registers: '02.0',
  pool: '03.0',
  root: '04.0',
  disk: '05.0',
} as const;

/** Where an agent listens in its brick, if a controller is to reach it. */
export const AGENT_PORT = 7443;

/** What QEMU needs to know of one brick. */
export interface QemuInput {
  readonly rack: string;
  readonly brick: BrickLayout;
  readonly plan: RackPlan;
  readonly qemu: QemuKind;
  readonly kernel: string;
  /** Read-only root image. */
  readonly root: string;
  /** The whole kernel command line. */
  readonly commandLine: string;
  /** Unused on a patched QEMU, where registers are the device's own. */
  readonly registersPath: string;
  readonly registersSize: number;
  readonly poolPath: string;
  readonly sshPort: number;
  /** For the agent's own port, where a controller is to reach it. */
  readonly agentPort?: number | undefined;
  /** QEMU speaks to the tray's daemon, too. */
  readonly linksSocket?: boolean;
  /** Gives the brick its disk, besides the root. */
  readonly disk?: boolean;
  /** Devices to leave out, for trials of a brick without them. */
  readonly omit?: readonly ('pool' | 'registers')[];
  /** More arguments, for trials; they go last. */
  readonly more?: readonly string[];
}

/** In QEMU's options a comma ends a value, two stand for one. */
function quoted(value: string): string {
  return value.replaceAll(',', ',,');
}

/** The end of the option by which QEMU maps `path`; it tells who uses a pool. */
export function memPathOption(path: string): string {
  return `,mem-path=${quoted(path)}`;
}

/**
 * The kernel's command line.
 * @param artifacts what the guest needs there.
 * @param append goes last, so that it can override.
 */
export function kernelCommandLine(artifacts: readonly string[], append: string): string {
  return [...artifacts, append].filter((part) => part !== '').join(' ');
}

/**
 * How long the guest waits to be ready, for its command line: a little less than we do, so that it is
 * the guest that says what is missing.
 */
export function readyTimeout(bootTimeoutMs: number): string {
  const seconds = bootTimeoutMs / 1000;
  return `sdm.timeout=${Math.max(1, Math.floor(seconds - Math.max(5, seconds / 10)))}`;
}

/**
 * Arguments of QEMU for one brick: an aarch64 `virt` machine with nodes 1 and 2 possible but empty,
 * its registers and the rack's pool as two ivshmem devices, or both as one sdm-memport, a network that
 * reaches only the host's loopback, and nothing that needs a privilege. Works with stock QEMU from 7.2
 * on, but for sdm-memport.
 */
export function qemuArgs(input: QemuInput): string[] {
  const { brick, plan } = input;
  const [near, far] = plan.distances;
  const memory = `${plan.memory >> 20n}M`;
  return [
    ...['-name', brickName(input.rack, brick.n)],
    '-nodefaults',
    '-no-user-config',
    ...['-display', 'none'],
    ...['-machine', 'virt'],
    // `max` alone computes pointer authentication codes by the book, which triples boot time.
    ...['-cpu', 'max,pauth-impdef=on'],
    ...['-smp', '1'],
    ...['-m', memory],
    ...['-object', `memory-backend-ram,id=ram,size=${memory}`],
    ...['-numa', 'node,nodeid=0,cpus=0,memdev=ram'],
    ...['-numa', 'node,nodeid=1'],
    ...['-numa', 'node,nodeid=2'],
    ...['-numa', `dist,src=0,dst=1,val=${near}`],
    ...['-numa', `dist,src=0,dst=2,val=${far}`],
    ...['-numa', `dist,src=1,dst=2,val=${Math.max(near, far)}`],
    ...['-kernel', input.kernel],
    ...['-initrd', brick.initrd],
    ...['-append', input.commandLine],
    '-no-reboot',
    ...['-netdev', network(input)],
    // Without a boot ROM: Debian has it in a package of its own, and nothing boots from the network.
    ...['-device', `virtio-net-pci,netdev=net,addr=${PCI.network},romfile=`],
    ...(input.qemu === 'patched'
      ? memports(input)
      : [
          ...ivshmem(input, 'registers', input.registersPath, String(input.registersSize)),
          ...ivshmem(input, 'pool', input.poolPath, String(plan.poolSize)),
        ]),
    ...[
      '-blockdev',
      `driver=raw,node-name=root,read-only=on,file.driver=file,file.filename=${quoted(input.root)}`,
    ],
    ...['-device', `virtio-blk-pci,drive=root,addr=${PCI.root}`],
    ...(input.disk === true ? diskArgs(brick.disk) : []),
    ...[
      '-chardev',
      `socket,id=console,path=${quoted(brick.consoleSocket)},server=on,wait=off,` +
        `logfile=${quoted(brick.consoleLog)}`,
    ],
    ...['-serial', 'chardev:console'],
    ...['-chardev', `socket,id=qmp,path=${quoted(brick.qmpSocket)},server=on,wait=off`],
    ...['-mon', 'chardev=qmp,mode=control'],
    ...(input.linksSocket === true
      ? [
          ...['-chardev', `socket,id=links,path=${quoted(brick.linksSocket)},server=on,wait=off`],
          ...['-mon', 'chardev=links,mode=control'],
        ]
      : []),
    ...['-pidfile', brick.qemuPidFile],
    ...(input.more ?? []),
  ];
}

/** From this host in, and nothing out. */
function network({ sshPort, agentPort }: QemuInput): string {
  const forward = (from: number, to: number): string => `,hostfwd=tcp:127.0.0.1:${from}-:${to}`;
  const agent = agentPort === undefined ? '' : forward(agentPort, AGENT_PORT);
  return `user,id=net,restrict=on${forward(sshPort, 22)}${agent}`;
}

/** The second virtio disk, /dev/vdb. */
function diskArgs(path: string): readonly string[] {
  const file = `file.driver=file,file.filename=${quoted(path)}`;
  return [
    ...['-blockdev', `driver=raw,node-name=disk,${file}`],
    ...['-device', `virtio-blk-pci,drive=disk,addr=${PCI.disk}`],
  ];
}

function ivshmem(
  input: QemuInput,
  id: 'registers' | 'pool',
  path: string,
  size: string,
): readonly string[] {
  if (input.omit?.includes(id)) return [];
  return [
    ...['-object', `memory-backend-file,id=${id},share=on,size=${size}${memPathOption(path)}`],
    ...['-device', `ivshmem-plain,memdev=${id},addr=${PCI[id]}`],
  ];
}

/** The pool is no device's memory, but what memports lead to: without it they lead nowhere. */
function memports({ omit, poolPath, plan }: QemuInput): readonly string[] {
  if (omit?.includes('registers')) return [];
  const device = `sdm-memport,id=${SDM_DEVICE},addr=${PCI.registers}`;
  if (omit?.includes('pool')) return ['-device', device];
  const size = `offset=0,size=${plan.poolSize}`;
  return [
    ...['-object', `memory-backend-remote,id=pool,${size}${memPathOption(poolPath)}`],
    ...['-device', `${device},memdev=pool`],
  ];
}

/** One word of a shell's command line. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * A script that runs exactly these arguments, one a line. The rack starts a brick by this very
 * script, so what is in it is what ran. Arguments given to the script follow them.
 */
export function qemuScript(
  qemu: string,
  args: readonly string[],
  about: readonly string[],
): string {
  const words = [qemu, ...args].map(shellQuote);
  return [
    '#!/bin/sh',
    ...about.map((line) => `# ${line}`.trimEnd()),
    `exec ${words[0]} \\`,
    ...words.slice(1).map((word) => `  ${word} \\`),
    '  "$@"',
    '',
  ].join('\n');
}

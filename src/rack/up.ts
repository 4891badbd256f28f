import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { sdmCommand } from '../common/called.js';
import { SdmError } from '../common/errors.js';
import { hex } from '../common/units.js';
import type { Artifacts, CpioEntry } from './artifacts/index.js';
import { agentConfig, makeBrickFiles } from './brick-files.js';
import { startBrick, waitReady } from './brick.js';
import {
  certificateEntries,
  controlledAgent,
  controlledId,
  prepareControl,
  startController,
  startLendersAndTray,
} from './control/index.js';
import type { BrickLayout, RackLayout } from './layout.js';
import { brickName } from './names.js';
import { sharesOf, type RackPlan } from './plan.js';
import { createPool } from './pool.js';
import { freePort, freePorts } from './ports.js';
import { kernelCommandLine, qemuArgs, qemuScript, readyTimeout } from './qemu.js';
import type { QemuKind } from './qemu-binary.js';
import { createRegisters, REGISTER_FILE_SIZE } from './registers.js';
import { makeRackKey, writeSshConfig } from './ssh.js';
import { makePrivateDir, writeState, type BrickState, type RackState } from './state.js';

/** All that is needed to make a rack, decided and checked. */
export interface RackBuild {
  readonly layout: RackLayout;
  readonly plan: RackPlan;
  readonly artifacts: Artifacts;
  readonly qemu: QemuKind;
  /** The program of that kind. */
  readonly qemuBinary: string;
  /** More for the kernel's command line. */
  readonly append: string;
  /** Keys to put over the agents' configuration. */
  readonly agent: Readonly<Record<string, unknown>>;
  readonly omit: readonly ('pool' | 'registers')[];
  readonly qemuArgs: readonly string[];
  /** More files for the guests. */
  readonly extra: readonly CpioEntry[];
  /** Size of each brick's disk, bytes; 0: none. */
  readonly disk: bigint;
  readonly bootTimeoutMs: number;
  readonly onProgress: (detail: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** A port that was free when it was picked may be gone when QEMU wants it: then another one. */
const PORT_TRIES = 5;
const PORT_TAKEN = /could not set up host forwarding/i;

/**
 * Makes the rack's files and boots its bricks at once. Whoever calls holds the rack's lock, has seen
 * that nothing is there, and removes the rack if this throws.
 */
export async function buildRack(build: RackBuild): Promise<RackState> {
  const { layout, plan, qemu, signal, onProgress } = build;
  const numbers = Array.from({ length: plan.bricks }, (_, i) => i + 1);
  makePrivateDir(layout.dir);
  if (layout.socketDir !== undefined) {
    makePrivateDir(layout.socketRoot);
    mkdirSync(layout.socketDir, { mode: 0o700 });
  }
  // Links first: with them a later `down` finds the pool wherever it is.
  symlinkSync(layout.pool, layout.poolLink);
  if (qemu === 'stock') {
    for (const n of numbers) symlinkSync(layout.registers(n), layout.registersLink(n));
  }

  const controlled = plan.lenders.length > 0;
  const ports = await freePorts(plan.bricks * 2);
  const bricks = numbers.map((n, i): BrickState => ({
    n,
    name: brickName(layout.name, n),
    sshPort: ports[i] ?? 0,
    ...(controlled && { agentPort: ports[plan.bricks + i] ?? 0, id: controlledId(n) }),
    shares: sharesOf(plan, n).map((share) => ({
      start: hex(share.start),
      size: hex(share.size),
      shared: share.shared,
    })),
  }));
  let state: RackState = {
    version: 1,
    name: layout.name,
    phase: 'starting',
    created: new Date().toISOString(),
    poolSize: hex(plan.poolSize),
    memory: hex(plan.memory),
    distances: [...plan.distances],
    append: build.append,
    kernel: build.artifacts.kernel,
    qemu,
    bricks,
  };
  writeState(layout, state);

  onProgress('making pool, registers and keys');
  await makeRackKey(layout, signal);
  await createPool(layout, plan.poolSize, signal);
  if (controlled) {
    state = { ...state, control: await prepareControl(layout, plan) };
    writeState(layout, state);
  }
  for (const n of numbers) {
    if (qemu === 'stock') await createRegisters(layout.registers(n), plan.poolSize);
    const agent = { ...(controlled && controlledAgent()), ...build.agent };
    const config = agentConfig(layout.name, plan, n, qemu, agent);
    const extra = [...build.extra, ...(controlled ? certificateEntries(layout, n) : [])];
    await makeBrickFiles({ ...build, extra, n, agentConfig: config });
  }
  writeSshConfig(layout, bricks);
  if (controlled) {
    onProgress('starting lenders and tray');
    await startLendersAndTray(layout, state, signal);
  }

  await bootAll(build, state);
  if (controlled) {
    onProgress('starting the controller');
    await startController(layout, state, signal);
  }
  const running: RackState = { ...state, phase: 'running' };
  writeState(layout, running);
  return running;
}

/** Boots all bricks; the first that fails ends the wait for the others. */
async function bootAll(build: RackBuild, state: RackState): Promise<void> {
  const failed = new AbortController();
  const signal =
    build.signal === undefined ? failed.signal : AbortSignal.any([build.signal, failed.signal]);
  let ready = 0;
  const report = (): void => build.onProgress(`${ready} of ${state.bricks.length} bricks ready`);
  report();
  const boots = state.bricks.map(async (brick) => {
    try {
      await bootBrick({ ...build, signal }, state, brick);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
    ready += 1;
    report();
  });
  // All of them have ended before the caller cleans up under them.
  await Promise.allSettled(boots);
  await Promise.all(boots);
}

async function bootBrick(build: RackBuild, state: RackState, brick: BrickState): Promise<void> {
  const layout = build.layout.brick(brick.n);
  for (let tries = 1; ; tries++) {
    build.signal?.throwIfAborted();
    writeScript(build, layout, brick);
    const identity = await startBrick(layout);
    try {
      await waitReady(build.layout, layout, identity, build.bootTimeoutMs, build.signal);
      return;
    } catch (error) {
      if (tries === PORT_TRIES || !portTaken(error)) throw error;
      brick.sshPort = await freePort();
      if (brick.agentPort !== undefined) brick.agentPort = await freePort();
      writeSshConfig(build.layout, state.bricks);
      writeState(build.layout, state);
    }
  }
}

function portTaken(error: unknown): boolean {
  if (!(error instanceof SdmError) || error.code !== 'SDM_RACK_QEMU') return false;
  const log = error.details?.['log'];
  return Array.isArray(log) && log.some((line) => PORT_TAKEN.test(String(line)));
}

function writeScript(
  build: RackBuild,
  brick: BrickLayout,
  { sshPort, agentPort }: BrickState,
): void {
  const args = qemuArgs({
    rack: build.layout.name,
    brick,
    plan: build.plan,
    qemu: build.qemu,
    kernel: build.artifacts.kernel,
    root: build.artifacts.root,
    commandLine: kernelCommandLine(
      [...build.artifacts.append, readyTimeout(build.bootTimeoutMs)],
      build.append,
    ),
    registersPath: build.layout.registers(brick.n),
    registersSize: REGISTER_FILE_SIZE,
    poolPath: build.layout.pool,
    sshPort,
    agentPort,
    linksSocket: agentPort !== undefined && build.qemu === 'patched',
    omit: build.omit,
    more: build.qemuArgs,
    disk: build.disk > 0n,
  });
  const script = qemuScript(build.qemuBinary, args, [
    `Brick ${brick.n} of rack ${build.layout.name}, as "${sdmCommand()} rack up" starts it.`,
    'By hand: stop the brick first ("quit" on its QMP socket), then run this; its console is',
    `then at "${sdmCommand()} rack console ${brick.n} --name ${build.layout.name}" as before.`,
  ]);
  writeFileSync(brick.qemuCmd, script, { mode: 0o700 });
  chmodSync(brick.qemuCmd, 0o700);
}

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex } from '../../common/units.js';
import type { CpioEntry } from '../artifacts/index.js';
import type { RackLayout } from '../layout.js';
import { SHARE_STEP, type RackPlan } from '../plan.js';
import { freePort } from '../ports.js';
import { AGENT_PORT } from '../qemu.js';
import type { RackState } from '../state.js';
import { controllerConfig, daemonArgv, lenderConfig, trayConfig } from './configs.js';
import { daemonFiles, startRackDaemon, stopRackDaemons, type DaemonFiles } from './daemon.js';
import { brickId, rackTopology } from './topology.js';

/** What memory bricks lend at once: one memory block of the guests' kernel. */
export const SEGMENT_SIZE = SHARE_STEP;
/** What a platform can have of a brick: it is a virtual machine with one CPU, and pretends to have more. */
const CORES = 8;
const MEMPORTS = 32;
const TRAY = '0.0.0';
/**
 * Emulated machines on a host that is busy take their time: none of them is lost for that. Milliseconds.
 */
const PATIENT = {
  timeouts: { callMs: 30_000, attachMs: 170_000, detachMs: 170_000 },
  reconcile: { lookMs: 20_000, lostAfterMs: 180_000 },
};
/** Where a brick has its certificate. */
const GUEST_PKI = '/brick/pki';
const PKI = ['cert.pem', 'key.pem', 'ca.pem', 'revoked.json'] as const;

export type Control = NonNullable<RackState['control']>;

/** The id of brick `n`, counted from 1, for the controller. */
export function controlledId(n: number): string {
  return brickId(0, n - 1);
}

export function lenderName(i: number): string {
  return `lender-${i + 1}`;
}

/** Every daemon that a rack may have on this host. */
export function rackDaemons(layout: RackLayout, lenders: number): DaemonFiles[] {
  const names = ['controller', 'dbmc', ...Array.from({ length: lenders }, (_, i) => lenderName(i))];
  return names.map((name) => daemonFiles(layout.controlDir, name));
}

/** Certificates for controller and agents, and what the rack's state says of its daemons. */
export async function prepareControl(layout: RackLayout, plan: RackPlan): Promise<Control> {
  mkdirSync(layout.controlDir, { mode: 0o700 });
  const { initPki, issue } = await import('../../pki/index.js');
  const pki = pkiDir(layout);
  await initPki(pki, layout.name);
  await issue(pki, { role: 'controller', name: 'controller' });
  for (let n = 1; n <= plan.bricks; n += 1) {
    await issue(pki, { role: 'agent', name: controlledId(n), hosts: ['127.0.0.1'] });
  }
  const names = ['controller', ...plan.lenders.map((_, i) => lenderName(i))];
  if (layout.socketDir !== undefined) {
    for (const name of names) symlinkSync(layout.socket(name), join(layout.dir, `${name}.sock`));
  }
  return {
    controller: `unix:${layout.socket('controller')}`,
    dbmc: `http://127.0.0.1:${await freePort()}`,
    lenders: plan.lenders.map(({ start, size }, i) => ({
      id: brickId(0, plan.bricks + i),
      address: `unix:${layout.socket(lenderName(i))}`,
      start: hex(start),
      size: hex(size),
    })),
  };
}

/** What an agent of such a rack has over those of others. */
export function controlledAgent(): object {
  return { listen: { address: `https://0.0.0.0:${AGENT_PORT}`, pki: GUEST_PKI } };
}

/** The certificate of brick `n`, as files of its guest. */
export function certificateEntries(layout: RackLayout, n: number): CpioEntry[] {
  const dir = join(pkiDir(layout), `agent-${controlledId(n)}`);
  return [
    { path: GUEST_PKI, directory: true, mode: 0o700 },
    ...PKI.map((name) => ({
      path: `${GUEST_PKI}/${name}`,
      mode: 0o600,
      data: readFileSync(join(dir, name)),
    })),
  ];
}

/** Lenders and the tray: before the bricks boot, whose links are down then. */
export async function startLendersAndTray(
  layout: RackLayout,
  state: RackState,
  signal?: AbortSignal,
): Promise<void> {
  const control = state.control!;
  const topology = writeTopology(layout, state);
  const registers = Object.fromEntries(
    state.bricks.map(({ n }) => [
      controlledId(n),
      state.qemu === 'patched'
        ? { qmp: layout.brick(n).linksSocket }
        : { file: layout.registers(n) },
    ]),
  );
  await Promise.all([
    ...control.lenders.map(({ id, start, size }, i) =>
      startOne(layout, 'sdm-agent', lenderName(i), signal, (stateDir) =>
        lenderConfig({
          ...{ id, stateDir, segmentSize: SEGMENT_SIZE },
          ...{ pool: layout.pool, start: BigInt(start), size: BigInt(size) },
          socket: layout.socket(lenderName(i)),
        }),
      ),
    ),
    startOne(layout, 'sdm-dbmc', 'dbmc', signal, (stateDir) =>
      trayConfig({
        ...{ id: TRAY, listen: control.dbmc, stateDir, topology, registers },
        controller: control.controller,
      }),
    ),
  ]);
}

/** When the bricks' agents answer. */
export async function startController(
  layout: RackLayout,
  state: RackState,
  signal?: AbortSignal,
): Promise<void> {
  const topology = writeTopology(layout, state);
  await startOne(layout, 'sdm-controller', 'controller', signal, (stateDir) =>
    controllerConfig({
      ...{ name: 'controller', topology, store: stateDir },
      listen: [state.control!.controller],
      pki: join(pkiDir(layout), 'controller-controller'),
      ...PATIENT,
    }),
  );
}

/** The controller first, so that it does not take the others for lost. */
export async function stopControl(layout: RackLayout, lenders: number): Promise<void> {
  const [controller, ...others] = rackDaemons(layout, lenders);
  await stopRackDaemons(controller === undefined ? [] : [controller]);
  await stopRackDaemons(others);
}

/** As the bricks' ports are now: one that was taken meanwhile was replaced by another. */
function writeTopology(layout: RackLayout, state: RackState): string {
  const control = state.control!;
  const path = join(layout.controlDir, 'topology.json');
  const topology = rackTopology({
    name: layout.name,
    segmentSize: SEGMENT_SIZE,
    boxes: [
      {
        dbmc: control.dbmc,
        compute: state.bricks.map(({ agentPort }) => ({
          address: `https://127.0.0.1:${agentPort}`,
          ...{ cores: CORES, memory: BigInt(state.memory), memports: MEMPORTS, node: 1 },
        })),
        memory: control.lenders.map(({ address, start, size }) => ({
          address,
          base: BigInt(start),
          segments: Number(BigInt(size) / SEGMENT_SIZE),
        })),
      },
    ],
  });
  writeFileSync(path, `${JSON.stringify(topology, null, 2)}\n`, { mode: 0o600 });
  return path;
}

async function startOne(
  layout: RackLayout,
  command: 'sdm-agent' | 'sdm-dbmc' | 'sdm-controller',
  name: string,
  signal: AbortSignal | undefined,
  config: (stateDir: string) => object,
): Promise<void> {
  const files = daemonFiles(layout.controlDir, name);
  const stateDir = join(layout.controlDir, `${name}.state`);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  writeFileSync(files.config, `${JSON.stringify(config(stateDir), null, 2)}\n`, { mode: 0o600 });
  await startRackDaemon(files, daemonArgv(command, files.config), signal);
}

function pkiDir(layout: RackLayout): string {
  return join(layout.controlDir, 'pki');
}

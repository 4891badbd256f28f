import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HttpClient } from '../common/http-client.js';
import { hex } from '../common/units.js';
import type { Topology } from '../controller/inventory/topology-schema.js';
import { controllerConfig, daemonArgv, lenderConfig, trayConfig } from '../rack/control/configs.js';
import { brickId, rackTopology } from '../rack/control/topology.js';
import { freePort } from '../rack/ports.js';
import { REGISTER_FILE_SIZE } from '../rack/registers.js';
import { startDaemon, type Daemon } from './daemon.js';

/** A rack of processes: agents with a file for registers, lenders of one pool file, trays, a controller. */
export interface SiteOptions {
  /** Files and sockets; to be short, for the sockets' sake. Its owner removes it. */
  readonly dir: string;
  /** Where pool and registers are; default `dir`. */
  readonly poolDir?: string;
  /** In all; they are spread over the boxes. */
  readonly agents: number;
  readonly boxes?: number;
  /** Memory bricks of each box. */
  readonly lendersPerBox?: number;
  readonly segmentSize?: bigint;
  readonly segmentsPerLender?: number;
  readonly cores?: number;
  readonly localMemory?: bigint;
  readonly memports?: number;
  /** More keys for the controller's configuration. */
  readonly controller?: object;
  /** By name of the daemon ("controller", "agent-0.0.1", "lender-0.0.8", "dbmc-0.0.0"): its environment. */
  readonly env?: (name: string) => NodeJS.ProcessEnv | undefined;
  readonly log?: string;
  readonly signal?: AbortSignal;
}

export interface SiteBrick {
  /** "0.1.3" */
  readonly id: string;
  readonly socket: string;
  /** "unix:…" */
  readonly address: string;
}
export interface SiteAgent extends SiteBrick {
  readonly registers: string;
}
export interface SiteLender extends SiteBrick {
  /** Its part of the pool, bytes. */
  readonly start: bigint;
  readonly size: bigint;
}

export interface Site {
  readonly dir: string;
  readonly pool: string;
  readonly topology: Topology;
  readonly segmentSize: bigint;
  readonly agents: readonly SiteAgent[];
  readonly lenders: readonly SiteLender[];
  /** "unix:…", and for D4.4's clients "http://127.0.0.1:…". */
  readonly controller: { readonly address: string; readonly url: string };
  /** By their names, those that run. */
  readonly daemons: ReadonlyMap<string, Daemon>;
  /** Starts all daemons, the controller last. @throws SdmError with the end of a log; all have ended then. */
  start(): Promise<void>;
  /** Starts one that does not run. @param env more of its environment, such as SDM_FAULT. */
  startOne(name: string, env?: NodeJS.ProcessEnv): Promise<Daemon>;
  /** A client of the controller, on its socket. To be closed. */
  client(): HttpClient;
  /** Ends all daemons, the controller first. Idempotent. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const MIB = 1n << 20n;
const GRANULE = 2n * MIB;
const SEGMENT_SIZE = 16n * MIB;
/** Starts at once: each takes a second of a processor. */
const AT_ONCE = 4;

interface Plan {
  readonly name: string;
  readonly argv: [string, ...string[]];
}

/** Lays a rack out: files, registers, pool and configurations. Nothing runs yet. */
export async function makeSite(options: SiteOptions): Promise<Site> {
  const { dir, agents: count, boxes = 1, lendersPerBox = 1, log = 'warn' } = options;
  const { segmentSize = SEGMENT_SIZE, segmentsPerLender = 64 } = options;
  const { native } = await import('../native/index.js');
  const lentBytes = segmentSize * BigInt(segmentsPerLender);
  const first = segmentSize; // the pool's header is in the segment that nobody has
  const poolSize = first + lentBytes * BigInt(boxes * lendersPerBox);
  const pool = join(options.poolDir ?? dir, 'pool');
  writeFileSync(pool, '', { mode: 0o600 });
  truncateSync(pool, Number(poolSize));

  const socketOf = (name: string): string => join(dir, `${name}.sock`);
  const agents: SiteAgent[] = [];
  const lenders: SiteLender[] = [];
  const perBox = Math.ceil(count / boxes);
  for (let box = 0; box < boxes; box += 1) {
    const here = Math.min(perBox, count - box * perBox);
    for (let n = 0; n < here; n += 1) {
      const id = brickId(box, n);
      const socket = socketOf(`agent-${id}`);
      agents.push({
        id,
        socket,
        address: `unix:${socket}`,
        registers: join(options.poolDir ?? dir, `registers-${id}`),
      });
    }
    for (let i = 0; i < lendersPerBox; i += 1) {
      const id = brickId(box, here + i);
      const socket = socketOf(`lender-${id}`);
      const start = first + lentBytes * BigInt(lenders.length);
      lenders.push({ id, socket, address: `unix:${socket}`, start, size: lentBytes });
    }
  }
  for (const { registers } of agents) {
    writeFileSync(registers, '', { mode: 0o600 });
    truncateSync(registers, REGISTER_FILE_SIZE);
    native.formatRegisters(
      { path: registers },
      {
        profile: 'generic',
        ...{ windowBase: 0n, windowSize: poolSize, remoteSize: poolSize, granule: GRANULE },
        ...(options.memports !== undefined && { nports: options.memports }),
      },
    );
  }

  const inBox = (box: number) => (brick: SiteBrick) => brick.id.startsWith(`0.${box}.`);
  const boxNumbers = Array.from({ length: boxes }, (_, box) => box);
  const trays = await Promise.all(
    boxNumbers.map(async () => `http://127.0.0.1:${await freePort()}`),
  );
  const rackTray = boxes > 1 ? `http://127.0.0.1:${await freePort()}` : undefined;
  const topology = rackTopology({
    name: 'site',
    segmentSize,
    ...(rackTray !== undefined && { dbmc: rackTray }),
    boxes: boxNumbers.map((box) => ({
      dbmc: trays[box]!,
      compute: agents.filter(inBox(box)).map(({ address }) => ({
        address,
        cores: options.cores ?? 8,
        memory: options.localMemory ?? 1024n * MIB,
        memports: options.memports ?? 32,
        mode: 'device' as const,
      })),
      memory: lenders
        .filter(inBox(box))
        .map(({ address, start }) => ({ address, base: start, segments: segmentsPerLender })),
    })),
  });
  const topologyFile = join(dir, 'topology.json');
  writeFileSync(topologyFile, JSON.stringify(topology, null, 2));

  const controllerAddress = `unix:${socketOf('controller')}`;
  const url = `http://127.0.0.1:${await freePort()}`;
  const plans: Plan[] = [];
  const plan = (
    command: Parameters<typeof daemonArgv>[0],
    name: string,
    config: (stateDir: string) => object,
  ): void => {
    const stateDir = join(dir, `${name}.state`);
    const file = join(dir, `${name}.json`);
    mkdirSync(stateDir, { mode: 0o700 });
    writeFileSync(file, JSON.stringify(config(stateDir), null, 2));
    plans.push({ name, argv: daemonArgv(command, file) });
  };
  for (const { id, socket, start, size } of lenders) {
    plan('sdm-agent', `lender-${id}`, (stateDir) =>
      lenderConfig({ id, pool, start, size, segmentSize, socket, stateDir, log }),
    );
  }
  for (const [box, listen] of trays.entries()) {
    const registers = Object.fromEntries(
      agents.filter(inBox(box)).map(({ id, registers: file }) => [id, { file }]),
    );
    plan('sdm-dbmc', `dbmc-0.${box}.0`, (stateDir) =>
      trayConfig({
        ...{ id: `0.${box}.0`, listen, stateDir, topology: topologyFile },
        ...{ registers, controller: controllerAddress, log },
      }),
    );
  }
  if (rackTray !== undefined) {
    plan('sdm-dbmc', 'dbmc-0', (stateDir) =>
      trayConfig({
        ...{ role: 'rack', id: '0', listen: rackTray, stateDir, topology: topologyFile },
        ...{ controller: controllerAddress, log },
      }),
    );
  }
  for (const { id, socket, registers } of agents) {
    plan('sdm-agent', `agent-${id}`, (stateDir) => ({
      ...{ brick: id, registers: { backend: 'file', path: registers }, pool: { path: pool } },
      ...{ socket, stateDir, log },
    }));
  }
  plan('sdm-controller', 'controller', (store) => ({
    ...controllerConfig({
      ...{ name: 'site', topology: topologyFile, store, log },
      listen: [controllerAddress, url],
    }),
    ...options.controller,
  }));

  const daemons = new Map<string, Daemon>();
  const startOne = async (name: string, env?: NodeJS.ProcessEnv): Promise<Daemon> => {
    const { argv } = plans.find((each) => each.name === name)!;
    const daemon = await startDaemon({
      ...{ name, argv },
      env: { ...process.env, ...options.env?.(name), ...env },
      ...(options.signal !== undefined && { signal: options.signal }),
    });
    daemons.set(name, daemon);
    daemon.process.once('exit', () => {
      if (daemons.get(name) === daemon) daemons.delete(name);
    });
    return daemon;
  };
  const stop = async (signal?: NodeJS.Signals): Promise<void> => {
    await daemons.get('controller')?.stop(signal);
    await Promise.all([...daemons.values()].map((daemon) => daemon.stop(signal)));
  };
  return {
    ...{ dir, pool, topology, segmentSize, agents, lenders, daemons, startOne, stop },
    controller: { address: controllerAddress, url },
    client: () => new HttpClient(controllerAddress),
    async start() {
      const others = plans.filter(({ name }) => name !== 'controller' && !daemons.has(name));
      try {
        await inTurns(others, AT_ONCE, ({ name }) => startOne(name));
        if (!daemons.has('controller')) await startOne('controller');
      } catch (error) {
        await stop('SIGKILL');
        throw error;
      }
    },
  };
}

/** Does all of it, so many at once; the first failure ends it when those that run have ended. */
export async function inTurns<T>(
  list: readonly T[],
  atOnce: number,
  work: (each: T) => Promise<unknown>,
): Promise<void> {
  const left = [...list];
  let failed: unknown;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        try {
          await work(next);
        } catch (error) {
          failed ??= error;
          left.length = 0;
        }
      }
    }),
  );
  if (failed !== undefined) throw failed;
}

/** "0x…" of bytes, for requests. */
export const bytes = hex;

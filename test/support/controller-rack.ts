import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fromBuffer, type MemportRegisters } from '../../src/abi/codec.js';
import { HttpClient } from '../../src/common/http-client.js';
import type { Topology } from '../../src/controller/inventory/topology-schema.js';
import { startDaemon, type Daemon } from '../../src/iaas/daemon.js';
import { sdmAgent } from './agent.js';

const BIN = resolve(import.meta.dirname, '../../bin');
const MIB = 1n << 20n;
/** Also the granule, and so the pool's header. */
export const SEGMENT = 2n * MIB;
const TRANSCEIVERS = 4;
/** A box has 16 slots. */
const SLOTS = 16;

export interface ControllerRackOptions {
  /** Compute bricks. Default 2. */
  readonly computes?: number;
  /** Memory bricks. Default 2. */
  readonly memories?: number;
  /** Of each memory brick. Default 16. */
  readonly segments?: number;
  /** Which daemons there are beside the controller. Default: agents, lenders and the tray's. */
  readonly daemons?: readonly ('agents' | 'lenders' | 'dbmc')[];
  /** More keys of the controller's configuration. */
  readonly config?: object;
  /** Changes the topology before it is written. */
  readonly topology?: (topology: Topology) => Topology;
}

/**
 * One box as processes on Unix sockets in a directory of its own: agents whose registers are files, a
 * lender for each memory brick, the daemon of the tray, and a controller, over one pool file. Nothing
 * runs yet.
 */
export interface ControllerRack {
  readonly dir: string;
  readonly topology: Topology;
  readonly topologyFile: string;
  readonly pool: string;
  /** Of the controller, "unix:…". */
  readonly address: string;
  readonly computes: readonly string[];
  readonly memories: readonly string[];
  /** Starts all but the controller. */
  startBricks(): Promise<void>;
  /** @param name "agent 0.0.1", "lender 0.0.8", "dbmc". */
  start(name: string, env?: NodeJS.ProcessEnv): Promise<Daemon>;
  /** @throws as `startDaemon`, if it ends before it is ready. */
  startController(env?: NodeJS.ProcessEnv): Promise<Daemon>;
  /** Those that run, by name; "controller" too. */
  readonly running: ReadonlyMap<string, Daemon>;
  /** Asks the controller. @throws its error. */
  ask(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<unknown>;
  /** Asks a brick by its id, or "dbmc". */
  askBrick(id: string, method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string): Promise<unknown>;
  /** The memports that are set, by compute brick. */
  setMemports(): Map<string, MemportRegisters[]>;
  /** Writes a byte into each segment that an attachment has, as its borrower would. */
  dirty(remote: bigint, size: bigint): void;
  /** Whether all of the pool behind its header reads zero. */
  isZero(): boolean;
  /** Ends all that runs and removes the directory. */
  remove(): Promise<void>;
}

export async function makeControllerRack(
  options: ControllerRackOptions = {},
): Promise<ControllerRack> {
  const { segments = 16, daemons = ['agents', 'lenders', 'dbmc'] } = options;
  const dir = mkdtempSync(join(tmpdir(), 'sdm-rack-'));
  const at = (...parts: string[]): string => join(dir, ...parts);
  const count = { compute: options.computes ?? 2, memory: options.memories ?? 2 };
  if (count.compute + count.memory > SLOTS) throw new Error(`a box has ${SLOTS} slots`);
  const computes = Array.from({ length: count.compute }, (_, i) => `0.0.${i}`);
  const memories = Array.from({ length: count.memory }, (_, i) => `0.0.${count.compute + i}`);
  const pool = at('pool');
  const base = (index: number): bigint => SEGMENT * (1n + BigInt(index * segments));
  writeFileSync(pool, '');
  truncateSync(pool, Number(base(count.memory)));
  const socket = (name: string): string => at(`${name}.sock`);
  const has = (what: 'agents' | 'lenders' | 'dbmc'): boolean => daemons.includes(what);
  const address = (name: string, what: 'agents' | 'lenders' | 'dbmc'): { address?: string } =>
    has(what) ? { address: `unix:${socket(name)}` } : {};

  const plain: Topology = {
    version: 1,
    rack: 'test',
    segmentSize: hex(SEGMENT),
    racks: [
      {
        id: 0,
        boxes: [
          {
            id: 0,
            switches: [{ id: 'dbesm-0-0', kind: 'electrical', ports: SLOTS * TRANSCEIVERS }],
            trays: [
              {
                id: 0,
                ...(has('dbmc') ? { dbmc: `unix:${socket('dbmc')}` } : {}),
                bricks: [
                  ...computes.map((id, i) => ({
                    ...{ id: i, type: 'compute' as const, islands: [4, 4], memory: '0x40000000' },
                    ...{
                      transceivers: TRANSCEIVERS,
                      mode: 'device' as const,
                      ip: `10.0.0.${i + 1}`,
                    },
                    ...address(id, 'agents'),
                  })),
                  ...memories.map((id, i) => ({
                    ...{ id: count.compute + i, type: 'memory' as const, segments },
                    ...{ base: hex(base(i)), transceivers: TRANSCEIVERS },
                    ...address(id, 'lenders'),
                  })),
                ],
              },
            ],
          },
        ],
      },
    ],
    links: [...computes, ...memories].flatMap((id, i) =>
      Array.from({ length: TRANSCEIVERS }, (_, t) => ({
        a: `${id}/${t}`,
        b: `dbesm-0-0/${i * TRANSCEIVERS + t}`,
      })),
    ),
  };
  const topology = options.topology?.(plain) ?? plain;
  const topologyFile = at('topology.json');
  writeFileSync(topologyFile, JSON.stringify(topology));

  const commands = new Map<string, readonly [string, ...string[]]>();
  const config = (name: string, value: object): string => {
    const file = at(`${name}.json`);
    writeFileSync(file, JSON.stringify(value));
    return file;
  };
  const agentBin = join(BIN, 'sdm-agent');
  if (has('agents')) {
    for (const id of computes) {
      const registers = at(`${id}.registers`);
      const formatted = await sdmAgent(['registers', 'format', registers, '--pool', pool]);
      if (formatted.code !== 0) throw new Error(formatted.stderr);
      const file = config(`agent-${id}`, {
        brick: id,
        registers: { backend: 'file', path: registers },
        pool: { path: pool },
        ...{ socket: socket(id), stateDir: at(`${id}.state`) },
      });
      commands.set(`agent ${id}`, [agentBin, 'serve', '--config', file]);
    }
  }
  if (has('lenders')) {
    for (const [i, id] of memories.entries()) {
      const file = config(`lender-${id}`, {
        ...{ role: 'memory', brick: id, pool: { path: pool } },
        ...{ base: hex(base(i)), size: hex(SEGMENT * BigInt(segments)), segmentSize: hex(SEGMENT) },
        ...{ socket: socket(id), stateDir: at(`${id}.state`) },
      });
      commands.set(`lender ${id}`, [agentBin, 'serve', '--config', file]);
    }
  }
  if (has('dbmc')) {
    const file = config('dbmc', {
      ...{ id: '0.0.0', listen: `unix:${socket('dbmc')}`, stateDir: at('dbmc.state') },
      topology: topologyFile,
      registers: Object.fromEntries(
        has('agents') ? computes.map((id) => [id, { file: at(`${id}.registers`) }]) : [],
      ),
    });
    commands.set('dbmc', [join(BIN, 'sdm-dbmc'), 'serve', '--config', file]);
  }
  const controller = `unix:${socket('controller')}`;
  mkdirSync(at('store'));
  const file = config('controller', {
    ...{ name: 'test', topology: topologyFile, store: at('store'), listen: [controller] },
    ...options.config,
  });
  commands.set('controller', [join(BIN, 'sdm-controller'), 'serve', '--config', file]);

  const running = new Map<string, Daemon>();
  const clients = new Map<string, HttpClient>();
  const client = (to: string): HttpClient => {
    const known = clients.get(to) ?? new HttpClient(to, { timeoutMs: 60_000 });
    clients.set(to, known);
    return known;
  };
  const start = async (name: string, env: NodeJS.ProcessEnv = {}): Promise<Daemon> => {
    const argv = commands.get(name);
    if (argv === undefined) throw new Error(`there is no ${name}`);
    const daemon = await startDaemon({ name, argv, env: { ...process.env, ...env } });
    running.set(name, daemon);
    daemon.process.once('close', () => {
      if (running.get(name) === daemon) running.delete(name);
    });
    return daemon;
  };
  return {
    ...{
      dir,
      topology,
      topologyFile,
      pool,
      address: controller,
      computes,
      memories,
      running,
      start,
    },
    startBricks: async () => {
      const names = [...commands.keys()].filter((name) => name !== 'controller');
      await Promise.all(names.map((name) => start(name)));
    },
    startController: (env) => start('controller', env),
    ask: (method, path, body, headers = {}) =>
      client(controller).call(method, path, { headers, ...(body === undefined ? {} : { body }) }),
    askBrick: (id, method, path) => client(`unix:${socket(id)}`).call(method, path),
    setMemports: () =>
      new Map(
        computes.map((id) => [
          id,
          fromBuffer(readFileSync(at(`${id}.registers`))).memports.filter(({ set }) => set),
        ]),
      ),
    dirty: (remote, size) => mark(pool, remote, size),
    isZero: () => isZero(pool, Number(base(count.memory))),
    remove: async () => {
      for (const each of clients.values()) each.close();
      await Promise.all([...running.values()].map((each) => each.stop('SIGKILL')));
      rmSync(dir, { recursive: true });
    },
  };
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function mark(pool: string, remote: bigint, size: bigint): void {
  const fd = openSync(pool, 'r+');
  for (let at = remote; at < remote + size; at += SEGMENT) writeSync(fd, 'x', Number(at));
  closeSync(fd);
}

function isZero(pool: string, size: number): boolean {
  const fd = openSync(pool, 'r');
  const piece = Buffer.alloc(Number(SEGMENT));
  try {
    for (let at = Number(SEGMENT); at < size; at += piece.length) {
      const length = readSync(fd, piece, 0, piece.length, at);
      if (piece.subarray(0, length).some((byte) => byte !== 0)) return false;
    }
    return true;
  } finally {
    closeSync(fd);
  }
}

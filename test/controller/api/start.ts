import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Answer } from '../../../src/common/http-exchange.js';
import { HttpClient } from '../../../src/common/http-client.js';

const BIN = resolve(import.meta.dirname, '../../../bin/sdm-controller');
/** Longest wait for a process to do what takes it a second; the machine may be busy. */
export const DEADLINE_MS = 20_000;

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface Place {
  readonly dir: string;
  readonly config: string;
  /** Of its Unix socket. */
  readonly address: string;
}

/** A topology and a configuration in a directory of their own; nothing runs. */
export function makePlace(dir: string, topology: object, config: object = {}): Place {
  mkdirSync(dir, { recursive: true });
  const topologyFile = join(dir, 'topology.json');
  const configFile = join(dir, 'controller.json');
  const address = `unix:${join(dir, 'c.sock')}`;
  writeFileSync(topologyFile, JSON.stringify(topology));
  writeFileSync(
    configFile,
    JSON.stringify({
      topology: topologyFile,
      store: join(dir, 'store'),
      listen: [address],
      log: 'warn',
      ...config,
    }),
  );
  return { dir, config: configFile, address };
}

export interface Running {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Where it listens, with the ports that it got. */
  readonly listen: readonly string[];
  readonly client: HttpClient;
  /** Answers of any status. */
  ask(
    method: Method,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  log(): string;
  /** Signals and waits for its end. Default SIGTERM. @returns its exit code; null: by the signal. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts sdm-controller and waits until it is ready. @throws with its log if it ends first. */
export async function startController(place: Place, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const child = spawn(BIN, ['serve', '--config', place.config], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  const ended = new Promise<number | null>((done) => child.once('close', done));
  await new Promise<void>((done, reject) => {
    const late = (): void => {
      child.kill('SIGKILL');
      reject(new Error(`no ready line within ${DEADLINE_MS} ms; log:\n${text.stderr}`));
    };
    const timer = setTimeout(late, DEADLINE_MS);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    child.stdout.on('data', () => {
      if (text.stdout.includes('"event":"ready"')) settle(done);
    });
    child.once('error', (error) => settle(() => reject(error)));
    child.once('close', () => settle(() => reject(new Error(`it ended:\n${text.stderr}`))));
  });
  const line = text.stdout.split('\n').find((each) => each.includes('"event":"ready"'))!;
  const { listen } = JSON.parse(line) as { listen: string[] };
  const client = new HttpClient(place.address, { timeoutMs: DEADLINE_MS });
  return {
    pid: child.pid!,
    process: child,
    listen,
    client,
    ask: (method, path, body, headers) =>
      client.exchange(method, path, {
        ...(body === undefined ? {} : { body }),
        ...(headers === undefined ? {} : { headers }),
      }),
    log: () => text.stderr,
    async stop(signal = 'SIGTERM') {
      client.close();
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
      const code = await ended;
      clearTimeout(timer);
      return code;
    },
  };
}

import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { startDaemon, type Daemon } from '../../src/iaas/daemon.js';
import { freePort } from '../../src/rack/ports.js';

const BIN = resolve(import.meta.dirname, '../../bin/sdm-dbmc');
/** Longest wait for an answer; the machine may be busy. */
const CALL_MS = 20_000;

export interface TrayConfig {
  readonly [key: string]: unknown;
}

/** Box 0.2, with one brick of each kind and a switch of each kind. */
export const TRAY = {
  id: '0.2.0',
  bricks: [
    { id: '0.2.9', type: 'compute', transceivers: 4 },
    { id: '0.2.8', type: 'memory', transceivers: 2 },
    { id: '0.2.0', type: 'accelerator', transceivers: 2 },
  ],
  switches: [
    { id: 'dbesm-0-2', kind: 'electrical', ports: 64 },
    { id: 'dbosm-0-2', kind: 'optical', ports: 16 },
  ],
  links: [
    { transceiver: '0.2.9/0', port: 'dbesm-0-2/0' },
    { transceiver: '0.2.9/1', port: 'dbosm-0-2/1' },
    { transceiver: '0.2.8/0', port: 'dbesm-0-2/4' },
  ],
} as const;

export interface RunningTray {
  readonly daemon: Daemon;
  /** "http://127.0.0.1:port". */
  readonly url: string;
  curl(
    ...args: string[]
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  /** POST of JSON. */
  post(path: string, body: unknown): ReturnType<RunningTray['curl']>;
}

/** A tray's daemon with its configuration in `dir`; it ends with the test at the latest. */
export async function startTray(
  dir: string,
  config: TrayConfig = TRAY,
  env: NodeJS.ProcessEnv = {},
): Promise<RunningTray> {
  mkdirSync(dir, { recursive: true });
  const listen = `http://127.0.0.1:${await freePort()}`;
  const file = join(dir, 'dbmc.json');
  writeFileSync(
    file,
    JSON.stringify({ listen, stateDir: join(dir, 'state'), log: 'warn', ...config }),
  );
  const daemon = await startDaemon({
    name: 'sdm-dbmc',
    argv: [BIN, 'serve', '--config', file],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => void daemon.process.kill('SIGKILL'));
  const url = String(daemon.ready['address']);
  const curl: RunningTray['curl'] = async (...args) => {
    const out = await text(['-s', '-w', '\n%{http_code}', ...args]);
    const at = out.lastIndexOf('\n');
    const status = Number(out.slice(at + 1));
    return { status, body: at > 0 ? JSON.parse(out.slice(0, at)) : {} };
  };
  return {
    daemon,
    url,
    curl,
    post: (path, body) =>
      curl(
        ...['-X', 'POST', '-H', 'Content-Type: application/json'],
        ...['-d', JSON.stringify(body), `${url}${path}`],
      ),
  };
}

/** What curl prints. Where nobody answers, status is 0. */
function text(args: readonly string[]): Promise<string> {
  return new Promise((done, reject) => {
    execFile('curl', args, { timeout: CALL_MS }, (error, stdout) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else done(stdout === '' ? '\n0' : stdout);
    });
  });
}

/** A request about a switch of the box. */
export function ofSwitch(switchId: string, ports?: readonly (readonly number[])[]): object {
  const key = { dRackId: 0, dBoxId: 2, switchId };
  return ports === undefined ? key : { ...key, ports: JSON.stringify(ports) };
}

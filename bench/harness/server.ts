import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { SdmError } from '../../src/common/errors.js';
import { waitFor } from '../../src/common/wait.js';
import type { Server } from './agents.js';

const START_MS = 60_000;
const STOP_MS = 10_000;

export interface RunningServer {
  /** Ends it; returns when it has ended. */
  stop(): Promise<void>;
}

function listens(socket: string): Promise<true | undefined> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(undefined));
  });
}

/**
 * Starts a server and waits until it listens.
 * @throws SDM_BENCH: it ended, with what it said; SDM_TIMEOUT.
 */
export async function startServer(server: Server, signal: AbortSignal): Promise<RunningServer> {
  const { name, argv, env, socket } = server;
  const child = spawn(argv[0], argv.slice(1), { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(-4096)));
  let ended = false;
  const end = new Promise<void>((resolve) => {
    const settle = (): void => {
      ended = true;
      resolve();
    };
    child.once('error', settle).once('close', settle);
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await end;
    clearTimeout(timer);
  };
  const look = (): Promise<true | undefined> => {
    if (ended) throw new SdmError('SDM_BENCH', `${name} ended before it listened: ${said.trim()}`);
    return listens(socket);
  };
  try {
    await waitFor(`${name} to listen on ${socket}`, look, { timeoutMs: START_MS, signal });
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

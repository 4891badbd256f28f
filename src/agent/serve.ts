import { createLog, type Logger } from '../common/log.js';
import { native, type FileLock } from '../native/index.js';
import { Agent } from './agent.js';
import { createServer, type Server } from './api/server.js';
import { claimSocketPath, listen, socketGroupId } from './api/socket.js';
import type { ServeConfig } from './config.js';
import { LINK_POLL_MS, OFFLINE_MS } from './defaults.js';
import { faultsFromEnvironment } from './faults.js';
import { openJournal } from './journal/index.js';
import { Observation } from './observe/index.js';
import { LinkMonitor } from './observe/link-monitor.js';
import { statusLine } from './observe/status-line.js';
import { probeThroughAgent } from './probe/collect.js';
import { Watchdog } from './watchdog.js';

/** Beyond the offlining that a running detach may still need: scrub, flush and answers. */
const STOP_MARGIN_MS = 30_000;
/** Whoever waited for the agent is answered first. */
const PREPARE_MS = 200;
/** For the last answers to reach their clients. */
const FLUSH_MS = 1_000;

/**
 * Serves until SIGTERM or SIGINT. The running command is finished, those that wait are refused; what
 * is attached stays attached. A second signal ends at once.
 * @returns the exit code: 0, or 1 if the deadline for stopping passed.
 * @throws SdmError for a configuration, a socket, a journal or a register block that cannot be used.
 */
export async function serve(config: ServeConfig): Promise<number> {
  const log = createLog('sdm-agent', config.log);
  const faults = faultsFromEnvironment();
  const gid = config.socketGroup === null ? null : await socketGroupId(config.socketGroup);
  const observation = new Observation();
  const journal = await openJournal(config.stateDir, { log: log.child({ part: 'journal' }) });
  const agent = await Agent.open(config, {
    log: log.child({ part: 'core' }),
    native,
    journal,
    observer: observation,
    faults,
  }).catch(async (error: unknown) => {
    await journal.close();
    throw error;
  });
  const watchdog = new Watchdog({
    native,
    log,
    overdue: () => agent.overdue(),
    status: () => statusLine(agent),
  });
  // Looks before the agent reconciles, so that no change after that is missed.
  const links = new LinkMonitor(agent, observation, log.child({ part: 'links' }));
  let server: Server | undefined;
  let claim: FileLock | undefined;
  watchdog.starting();
  try {
    // With the registers locked: whoever loses that race must not touch the winner's socket.
    claim = await claimSocketPath(native, config.socket, log);
    server = await createServer(
      {
        brick: config.brick,
        agent,
        observation,
        probe: () => Promise.resolve(probeThroughAgent(agent, config)),
        addresses: config.addresses,
      },
      log.child({ part: 'api' }),
    );
    await listen(server.app, config.socket, gid);
    await agent.reconcile();
    links.start(config.linkPollMs ?? LINK_POLL_MS);
  } catch (error) {
    watchdog.stop();
    await (server === undefined ? agent.close() : finish(server.app, agent));
    claim?.close();
    throw error;
  }

  const stopped = untilSignal();
  watchdog.ready();
  const { socket, brick } = config;
  log.info({ brick, socket }, 'ready');
  process.stdout.write(`${JSON.stringify({ event: 'ready', brick, socket, pid: process.pid })}\n`);
  setTimeout(() => void server?.prepare(), PREPARE_MS).unref();

  const signal = await stopped;
  const deadlineMs = (config.offlineTimeoutMs ?? OFFLINE_MS) + STOP_MARGIN_MS;
  watchdog.stopping(deadlineMs + STOP_MARGIN_MS);
  log.info({ signal }, 'stopping: the running command is finished first');
  links.stop();
  const code = await stop(server, agent, deadlineMs, log);
  claim.close();
  return code;
}

/** Resolves with the first signal; the second one ends the process. */
function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first = true;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (!first) process.exit(1);
      first = false;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

async function stop(
  { app, drain }: Server,
  agent: Agent,
  deadlineMs: number,
  log: Logger,
): Promise<number> {
  drain();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), deadlineMs);
  });
  const done = finish(app, agent);
  const result = await Promise.race([done, late]);
  clearTimeout(timer);
  if (result === 'late') {
    log.error({ deadlineMs }, 'a command did not end in time; what it did is left as it is');
    process.exit(1);
  }
  log.info('stopped');
  return 0;
}

/** Closing the server waits for answers, and those wait for the agent's commands: both at once. */
async function finish(app: Server['app'], agent: Agent): Promise<void> {
  const closed = app.close();
  await agent.close();
  // Every command has its answer now. Who has not read it soon, or lies there without a word (which
  // node does not count as idle), must not keep the agent from ending.
  const timer = setTimeout(() => app.server.closeAllConnections(), FLUSH_MS);
  await closed;
  clearTimeout(timer);
}

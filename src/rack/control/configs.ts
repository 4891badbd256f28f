/** Configurations of the daemons of a rack that is made on this machine, VMs or processes. */
import { join } from 'node:path';
import { projectDir } from '../../common/paths.js';
import { hex } from '../../common/units.js';

/** How a daemon is started from the package that this program is of. */
export function daemonArgv(
  command: 'sdm-agent' | 'sdm-dbmc' | 'sdm-controller',
  config: string,
): [string, ...string[]] {
  return [process.execPath, join(projectDir(), 'bin', command), 'serve', '--config', config];
}

export interface LenderSite {
  /** Id of its memory brick. */
  readonly id: string;
  readonly pool: string;
  /** Its part of the pool, bytes. */
  readonly start: bigint;
  readonly size: bigint;
  readonly segmentSize: bigint;
  readonly socket: string;
  readonly stateDir: string;
  readonly log?: string;
}

export function lenderConfig(site: LenderSite): object {
  return {
    role: 'memory',
    brick: site.id,
    pool: { path: site.pool },
    base: hex(site.start),
    size: hex(site.size),
    segmentSize: hex(site.segmentSize),
    socket: site.socket,
    stateDir: site.stateDir,
    log: site.log ?? 'info',
  };
}

export interface TraySite {
  readonly role?: 'tray' | 'rack';
  readonly id: string;
  readonly listen: string;
  readonly stateDir: string;
  readonly topology: string;
  /** By brick: where its links are set. */
  readonly registers?: Readonly<
    Record<string, { readonly file: string } | { readonly qmp: string }>
  >;
  readonly controller: string;
  readonly log?: string;
}

export function trayConfig(site: TraySite): object {
  return { log: 'info', ...site };
}

export interface ControllerSite {
  readonly name: string;
  readonly topology: string;
  /** Directory of its database. */
  readonly store: string;
  readonly listen: readonly string[];
  readonly pki?: string;
  readonly timeouts?: object;
  readonly reconcile?: object;
  readonly log?: string;
}

export function controllerConfig(site: ControllerSite): object {
  return { log: 'info', ...site };
}

import type { Finding } from './report.js';

export type { Finding } from './report.js';

export const LEVELS = ['ok', 'note', 'warning', 'problem'] as const;
export type Level = (typeof LEVELS)[number];

export const AREAS = ['setup', 'registers', 'kernel', 'module', 'numa', 'limits'] as const;
export type Area = (typeof AREAS)[number];

/** What is looked at. Ids are stable: programs match on them. docs/doctor.md says what each is. */
export const CHECKS = {
  node: 'setup',
  addon: 'setup',
  'boot-id': 'setup',
  config: 'setup',
  shares: 'setup',
  agent: 'setup',
  service: 'setup',
  watchdog: 'setup',
  socket: 'setup',
  'socket-group': 'setup',
  'state-dir': 'setup',
  'state-disk': 'setup',
  'state-space': 'setup',
  journal: 'setup',
  process: 'registers',
  pci: 'registers',
  registers: 'registers',
  'registers-source': 'registers',
  'registers-access': 'registers',
  'registers-held': 'registers',
  pool: 'registers',
  'pool-held': 'registers',
  links: 'registers',
  foreign: 'registers',
  scratch: 'registers',
  hotplug: 'kernel',
  lockdown: 'kernel',
  devmem: 'kernel',
  'io-devmem': 'kernel',
  'auto-online': 'kernel',
  'block-access': 'kernel',
  'memory-block': 'kernel',
  'memory-map': 'kernel',
  'memory-way': 'kernel',
  module: 'module',
  'module-file': 'module',
  'module-signing': 'module',
  window: 'module',
  'window-access': 'module',
  'window-device': 'module',
  'numa-node': 'numa',
  distances: 'numa',
  demotion: 'numa',
  'open-files': 'limits',
  'file-size': 'limits',
  'memory-limit': 'limits',
  cpuset: 'limits',
  overcommit: 'limits',
} as const satisfies Record<string, Area>;
export type CheckId = keyof typeof CHECKS;

/** What to do about a finding: in words, or exactly, as a command for root's shell. */
export interface Mend {
  readonly mend?: string;
  readonly command?: string;
}

function make(level: Level, id: CheckId, found: string, cause?: string, mend: Mend = {}): Finding {
  return {
    id,
    area: CHECKS[id],
    level,
    found,
    cause: cause ?? null,
    mend: mend.mend ?? null,
    command: mend.command ?? null,
  };
}

export const ok = (id: CheckId, found: string): Finding => make('ok', id, found);
export const note = (id: CheckId, found: string, cause?: string, mend?: Mend): Finding =>
  make('note', id, found, cause, mend);
export const warning = (id: CheckId, found: string, cause: string, mend: Mend): Finding =>
  make('warning', id, found, cause, mend);
export const problem = (id: CheckId, found: string, cause: string, mend: Mend): Finding =>
  make('problem', id, found, cause, mend);

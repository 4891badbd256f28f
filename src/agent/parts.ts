import type { Native } from '../native/types.js';
import { identityOf } from './attachments/identity.js';
import { MemoryJournal, type Journal, type JournalIdentity } from './attachments/journal.js';
import { openBackend, type RegisterBackend } from './backend/index.js';
import { readBootId } from './boot.js';
import { NO_OBSERVER, type Observer } from './events.js';
import { NO_FAULTS, type Faults } from './faults.js';
import { createMemory, type MemoryPath } from './memory/index.js';
import type { AgentConfig, Log } from './types.js';

/** What a caller may hand in instead of the real thing. */
export interface AgentDeps {
  readonly log?: Log;
  readonly native?: Native;
  readonly journal?: Journal;
  readonly memory?: MemoryPath;
  readonly observer?: Observer;
  readonly faults?: Faults;
  /** Of the boot that this is; default: the kernel's. */
  readonly bootId?: string;
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** What an agent works on, and with. */
export interface Parts {
  readonly backend: RegisterBackend;
  readonly memory: MemoryPath;
  readonly journal: Journal;
  readonly native: Native;
  readonly identity: JournalIdentity;
  readonly bootId: string;
  readonly log: Log;
  readonly observer: Observer;
  readonly faults: Faults;
}

/**
 * Opens and locks the register block, and looks whether the journal is of it.
 * @throws as Agent.open.
 */
export async function openParts(config: AgentConfig, deps: AgentDeps): Promise<Parts> {
  const log = deps.log ?? SILENT;
  const sysfs = config.sysfs ?? '/sys';
  const native = deps.native ?? (await import('../native/index.js')).native;
  const journal = deps.journal ?? new MemoryJournal();
  const bootId = deps.bootId ?? readBootId();
  const faults = deps.faults ?? NO_FAULTS;
  const observer = deps.observer ?? NO_OBSERVER;
  const backend = openBackend(native, config, sysfs, log);
  let identity: JournalIdentity;
  try {
    identity = identityOf(config, backend, journal.state().begin);
  } catch (error) {
    backend.close();
    throw error;
  }
  // what was is put back either way: only that it is away must be safe
  const note = async (saved: string | null): Promise<void> => {
    if (saved === null) journal.note({ kind: 'policy', saved });
    else await journal.record({ kind: 'policy', saved });
  };
  const memory = deps.memory ?? createMemory(native, backend, sysfs, note, faults, config.memory);
  return { backend, memory, journal, native, identity, bootId, log, observer, faults };
}

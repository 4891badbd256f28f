import { isLinkUp } from '../../abi/codec.js';
import { Metrics, type Define } from '../../common/server/metrics.js';
import type { AgentCore, Attachment } from '../types.js';
import { ATTACHMENT_STATES } from '../types.js';
import type { Counts } from './counts.js';

const OWNERS = ['none', 'attachment', 'manual', 'foreign'] as const;

/** What an operator graphs of a brick. docs/metrics.md has the list. */
export function agentMetrics(agent: AgentCore, counts: Counts): Metrics {
  return new Metrics(({ gauge, counter, histogram }) => {
    attachments(gauge, agent);
    hardware(gauge, counter, agent);
    journalMetrics(gauge, counter, agent);
    histogram(
      'sdm_step_duration_seconds',
      'Steps of attach and detach that succeeded.',
      'step',
      counts.steps,
    );
    counted(counter, counts);
  });
}

function counted(counter: Define, { events, refusals, failedSteps }: Counts): void {
  counter('sdm_steps_failed_total', 'Steps that were refused or failed.', ['step'], (put) => {
    for (const [step, n] of failedSteps.entries()) put(n, { step });
  });
  counter('sdm_refusals_total', 'Error answers of the API.', ['code'], (put) => {
    for (const [code, n] of refusals.entries()) put(n, { code });
  });
  counter('sdm_events_total', 'Events, as GET /v1/events tells them.', ['kind'], (put) => {
    for (const [kind, n] of events.entries()) put(n, { kind });
  });
}

function attachments(gauge: Define, agent: AgentCore): void {
  // A combination that was there once stays with 0: a graph would show its last value for minutes.
  const seen = new Set<string>();
  gauge('sdm_attached_bytes', 'Remote memory in use.', ['mode', 'node'], (put) => {
    const sums = new Map<string, bigint>([...seen].map((key) => [key, 0n]));
    for (const a of agent.listAttachments().filter(inUse)) {
      const key = `${a.mode} ${a.node < 0 ? 'none' : a.node}`;
      seen.add(key);
      sums.set(key, (sums.get(key) ?? 0n) + a.size);
    }
    for (const [key, sum] of sums) {
      const [mode = '', node = ''] = key.split(' ');
      put(Number(sum), { mode, node });
    }
  });
  gauge('sdm_attachments', 'Attachments by state.', ['state'], (put) => {
    const all = agent.listAttachments();
    for (const state of ATTACHMENT_STATES)
      put(all.filter((a) => a.state === state).length, { state });
  });
  gauge('sdm_attachments_waiting', 'Attachments not in use since a boot.', ['for'], (put) => {
    const all = agent.listAttachments();
    for (const waits of ['controller', 'restore'] as const) {
      put(all.filter((a) => a.waits === waits).length, { for: waits });
    }
  });
}

function inUse({ mode, state, waits }: Attachment): boolean {
  return waits === undefined && state === (mode === 'device' ? 'present' : 'online');
}

function hardware(gauge: Define, counter: Define, agent: AgentCore): void {
  gauge('sdm_link_up', '1 while the link is up.', ['transceiver'], (put) => {
    const { status, downs } = agent.links();
    for (const t of downs.keys()) put(Number(isLinkUp(status, t)), { transceiver: `${t}` });
  });
  counter('sdm_link_downs_total', 'How often the link went down.', ['transceiver'], (put) => {
    for (const [t, downs] of agent.links().downs.entries()) {
      put(Number(downs), { transceiver: `${t}` });
    }
  });
  gauge('sdm_memports', 'Memports by owner; none: free.', ['owner'], (put) => {
    const all = agent.memports();
    for (const owner of OWNERS) put(all.filter((port) => port.owner === owner).length, { owner });
  });
}

/** The same for every daemon that has a journal. */
export function journalMetrics(
  gauge: Define,
  counter: Define,
  agent: Pick<AgentCore, 'journal'>,
): void {
  const stats = () => agent.journal().stats;
  gauge('sdm_journal_pending_entries', 'Entries that are not safe yet.', [], (put) =>
    put(stats().pending),
  );
  gauge('sdm_journal_lag_seconds', 'Age of the oldest entry that is not safe yet.', [], (put) =>
    put(stats().lagMs / 1000),
  );
  gauge('sdm_journal_last_sync_seconds', 'How long the last entries took to be safe.', [], (put) =>
    put(stats().lastSyncMs / 1000),
  );
  gauge('sdm_journal_size_bytes', 'Length of the journal.', [], (put) => put(stats().bytes));
  counter('sdm_journal_checkpoints_total', 'How often it was written anew.', [], (put) =>
    put(stats().checkpoints),
  );
  gauge('sdm_journal_failed', '1 while the journal cannot be written at all.', [], (put) =>
    put(stats().refuses === 'everything' ? 1 : 0),
  );
  gauge('sdm_journal_full', '1 while its disk is full: memory can only be given back.', [], (put) =>
    put(stats().refuses === 'taking' ? 1 : 0),
  );
  gauge('sdm_epoch', 'Highest term of a controller so far; 0: none.', [], (put) =>
    put(Number(agent.journal().epoch?.epoch ?? 0n)),
  );
}

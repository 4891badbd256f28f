import { LOCAL } from '../types.js';
import type { Journal, JournalledAttachment, JournalState } from './journal.js';
import { copyRecord, type AttachmentRecord } from './record.js';

/**
 * After a boot nothing that a journal speaks of is in use: the kernel starts with no region, and
 * registers may be as they were or clear. Rewrites the journal accordingly, so that what comes
 * next is the same as after any restart of the agent. Done again after a crash within, it writes
 * the same once more: the new boot is journalled last, by the caller.
 */
export async function rewriteForBoot(journal: Journal): Promise<void> {
  const { attachments, memports, policy }: JournalState = journal.state();
  const written: Promise<void>[] = [];
  for (const known of [...attachments.values()]) {
    const { record: attachment, doing } = afterBoot(known);
    const kind = doing === undefined ? 'rest' : 'detach';
    written.push(journal.record({ kind, attachment }));
  }
  for (const [port, { spec, by }] of [...memports]) {
    const held = { spec, by, waits: waitsFor(by) };
    written.push(journal.record({ kind: 'memport', port, held }));
  }
  // the kernel came up with a policy of its own
  if (policy !== null) written.push(journal.record({ kind: 'policy', saved: null }));
  await Promise.all(written);
}

/** What a boot made of an attachment: it waits, or its way back is to be gone to the end. */
export function afterBoot({
  record,
  doing,
}: Pick<JournalledAttachment, 'record' | 'doing'>): Pick<JournalledAttachment, 'record' | 'doing'> {
  const attachment = unused(record);
  if (doing === 'detach' || (doing === 'attach' && record.waits === undefined)) {
    // of an attach that was interrupted nobody knows how far it came: taken for touched
    attachment.touched ||= doing === 'attach';
    return { record: attachment, doing: 'detach' };
  }
  if (record.state !== 'failed') {
    attachment.state = 'reserved';
    attachment.waits = waitsFor(record.owner);
  }
  return { record: attachment, doing: undefined };
}

function waitsFor(owner: string): 'controller' | 'restore' {
  return owner === LOCAL.owner ? 'restore' : 'controller';
}

function unused(record: AttachmentRecord): AttachmentRecord {
  return { ...copyRecord(record), reached: 0, device: undefined, steps: [] };
}

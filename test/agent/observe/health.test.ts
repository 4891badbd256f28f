import { describe, expect, it } from 'vitest';
import { problemsOf } from '../../../src/agent/observe/health.js';
import type { Attachment, JournalView, TransceiverView } from '../../../src/agent/types.js';
import { attachment, FakeCore } from '../api/fake-core.js';

const { waits: _waits, error: _error, ...fine } = attachment;
const link: TransceiverView = {
  transceiver: 1,
  up: true,
  downs: 4n,
  memports: [3],
  attachments: ['a1', 'b2'],
};

/** What is wrong where all is well but what is given. */
function problems(wrong: {
  attachments?: readonly Attachment[];
  links?: readonly TransceiverView[];
  failure?: string;
  refuses?: 'taking' | 'everything';
}): string[] {
  class Core extends FakeCore {
    override listAttachments(): Attachment[] {
      return [...(wrong.attachments ?? [fine])];
    }
    override transceivers(): TransceiverView[] {
      return [...(wrong.links ?? [link])];
    }
    override journal(): JournalView {
      const view = super.journal();
      const { refuses = 'nothing' } = wrong;
      return { ...view, stats: { ...view.stats, failure: wrong.failure, refuses } };
    }
  }
  return problemsOf(new Core()).map(({ about, text }) => `${about}: ${text}`);
}

describe('what somebody should look at', () => {
  it('is nothing where all is well', () => {
    expect(problems({})).toEqual([]);
    // a link that nobody needs, and a detach that was refused
    expect(problems({ links: [{ ...link, up: false, attachments: [] }] })).toEqual([]);
    expect(
      problems({ attachments: [attachment].map((a) => ({ ...fine, error: a.error! })) }),
    ).toEqual([]);
  });

  it('is a journal that fails, with the reason', () => {
    expect(problems({ failure: 'EIO', refuses: 'everything' })).toEqual([
      'journal: nothing can be changed: the journal fails: EIO',
    ]);
    expect(problems({ failure: 'the disk is full', refuses: 'taking' })).toEqual([
      'journal: memory can only be given back, and nothing is taken: the disk is full',
    ]);
  });

  it('is a link that is down, with those that go over it', () => {
    expect(problems({ links: [{ ...link, up: false }] })).toEqual([
      'link: transceiver 1 is down, and it carries a1, b2',
    ]);
  });

  it('is an attachment that failed, or is not in use since a boot', () => {
    const error = { code: 'SDM_FAILED', message: 'step cleared failed' };
    expect(
      problems({
        attachments: [
          { ...fine, id: 'f', state: 'failed', error },
          { ...fine, id: 'c', state: 'reserved', waits: 'controller' },
          { ...fine, id: 'r', state: 'reserved', waits: 'restore', error },
        ],
      }),
    ).toEqual([
      'attachment: attachment f has failed: step cleared failed',
      'attachment: attachment c waits for its controller',
      'attachment: attachment r is not restored yet: step cleared failed',
    ]);
  });
});

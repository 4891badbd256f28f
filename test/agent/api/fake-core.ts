import type { LinkState } from '../../../src/agent/backend/types.js';
import { SdmError, type ErrorCode } from '../../../src/common/errors.js';
import type {
  AgentCore,
  Attachment,
  BrickView,
  Ensured,
  JournalView,
  MemoryView,
  MemportView,
  TransceiverView,
} from '../../../src/agent/types.js';

export const attachment: Attachment = {
  id: 'a1',
  mode: 'device',
  state: 'present',
  size: 0x10000000n,
  start: 0x8010000000n,
  end: 0x801fffffffn,
  remote: 0x10000000n,
  shared: false,
  retain: false,
  memport: 3,
  node: -1,
  outId: 0n,
  inId: 0xffffffffffffffffn,
  owner: 'local',
  link: 'down',
  waits: 'restore',
  steps: [
    { step: 'reserved', ms: 0.25 },
    { step: 'present', ms: 12 },
  ],
  blocks: [4098, 4099],
  device: { path: '/dev/sdm-window', offset: 0x10000000n, size: 0x10000000n },
  error: { code: 'SDM_OFFLINE_REFUSED', message: 'pinned', details: { block: 37 } },
};

export const memport: MemportView = {
  port: 3,
  set: true,
  status: 1,
  statusName: 'active',
  start: 0x8010000000n,
  end: 0x801fffffffn,
  remote: 0x10000000n,
  outId: 0n,
  inId: 0n,
  faults: 0n,
  owner: 'attachment',
  by: 'local',
  attachment: 'a1',
};

const transceiver: TransceiverView = {
  transceiver: 0,
  up: true,
  downs: 2n,
  memports: [3],
  attachments: ['a1'],
};

const journal: JournalView = {
  stats: {
    pending: 1,
    lagMs: 20,
    lastSyncMs: 1.5,
    bytes: 4096,
    checkpoints: 2,
    failure: undefined,
    refuses: 'nothing',
  },
  epoch: { epoch: 7n, controller: 'rack-a' },
};

const memory: MemoryView = {
  blockSize: 0x8000000n,
  autoOnline: 'offline',
  possibleNodes: [0, 1],
  nodes: [
    {
      node: 0,
      online: true,
      distances: [{ node: 0, distance: 10 }],
      totalBytes: 0x20000000n,
      freeBytes: 0x10000000n,
      tier: 4,
      cpus: true,
    },
  ],
  module: {
    state: 'window-differs',
    advice: 'do something',
    version: '1.0',
    window: { start: 0x8000000000n, size: 0x100000000n },
    regions: [{ start: 0x8010000000n, end: 0x801fffffffn, state: 'device', node: -1, mapped: 1 }],
  },
  attachedBytes: 0x10000000n,
  shares: [{ start: 0x8000000n, size: 0x40000000n, shared: false, usedBytes: 0x10000000n }],
};

export const brick: BrickView = {
  brick: 'b1',
  backend: 'bar',
  registers: '0000:00:02.0',
  pool: '0000:00:03.0',
  poolSize: 0x100000000n,
  features: ['transceivers', 'passive'],
  translation: false,
  passive: true,
  nports: 32,
  ntransceivers: 4,
  windowBase: 0x8000000000n,
  windowSize: 0x100000000n,
  remoteSize: 0x100000000n,
  granule: 0x200000n,
  checks: { alignment: true, remoteOverlap: true },
};

/** A core that answers at once with the values above, and writes down what it was asked to do. */
export class FakeCore implements AgentCore {
  readonly commands: unknown[][] = [];
  /** Thrown by the next command, once. */
  failure: unknown;

  refuse(code: ErrorCode): void {
    this.failure = new SdmError(code, `refused with ${code}`, { details: { at: 0x1000n } });
  }

  reconcile(): Promise<void> {
    return Promise.resolve();
  }

  brick(): BrickView {
    this.#fail();
    return brick;
  }

  listAttachments(): Attachment[] {
    this.#fail();
    return [attachment];
  }

  getAttachment(id: string): Attachment {
    this.#fail();
    if (id === 'a1') return attachment;
    throw new SdmError('SDM_NOT_FOUND', `there is no attachment ${id}`);
  }

  attach(...args: unknown[]): Promise<Attachment> {
    return this.#command('attach', args, attachment);
  }

  ensure(...args: unknown[]): Promise<Ensured> {
    return this.#command('ensure', args, { attachment, created: true });
  }

  detach(...args: unknown[]): Promise<Attachment> {
    return this.#command('detach', args, { ...attachment, state: 'free' });
  }

  memports(): MemportView[] {
    this.#fail();
    const { remote: _remote, attachment: _attachment, by: _by, ...foreign } = memport;
    return [memport, { ...foreign, port: 4, owner: 'foreign' }];
  }

  memport(port: number): MemportView {
    this.#fail();
    return { ...memport, port };
  }

  setMemport(...args: unknown[]): Promise<MemportView> {
    return this.#command('setMemport', args, memport);
  }

  clearMemport(...args: unknown[]): Promise<MemportView> {
    return this.#command('clearMemport', args, memport);
  }

  transceivers(): TransceiverView[] {
    this.#fail();
    return [transceiver];
  }

  resetTransceiver(...args: unknown[]): Promise<TransceiverView> {
    return this.#command('resetTransceiver', args, transceiver);
  }

  links(): LinkState {
    return { status: 1n, downs: [2n] };
  }

  journal(): JournalView {
    return journal;
  }

  async memory(): Promise<MemoryView> {
    this.#fail();
    return memory;
  }

  async close(): Promise<void> {}

  async #command<T>(name: string, args: unknown[], answer: T): Promise<T> {
    this.#fail();
    this.commands.push([name, ...args]);
    return answer;
  }

  #fail(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }
}

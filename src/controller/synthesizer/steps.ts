import { hex } from '../../abi/numbers.js';
import { SdmError, type ErrorCode } from '../../common/errors.js';
import type { Faults, StepName } from '../faults.js';
import type { AttachmentRecord, ErrorView, PlatformRecord } from '../records.js';
import type { AttachmentSteps, GrantOptions } from '../types.js';
import type { Daemons } from './daemons.js';
import type { ComputeSite, MemorySite, Site } from './site.js';
import type { Wires } from './wires.js';

export type Segments = Pick<AttachmentRecord, 'id' | 'memory' | 'first' | 'count'>;

/** What an agent answers, as far as it is of interest. */
interface AgentAttachment {
  readonly start: string;
  readonly node: number;
  readonly memport: number;
}

export interface StepParts {
  readonly site: Site;
  readonly daemons: Daemons;
  readonly wires: Wires;
  readonly faults: Faults;
  /** Proved to use nothing any more: nobody asks it to give anything back. */
  readonly fenced: (brick: string) => boolean;
}

/** As the interface says: the one way in which anything is done at bricks, lenders and switches. */
export class Steps implements AttachmentSteps {
  readonly #site: Site;
  readonly #daemons: Daemons;
  readonly #wires: Wires;
  readonly #faults: Faults;
  readonly #fenced: (brick: string) => boolean;

  constructor({ site, daemons, wires, faults, fenced }: StepParts) {
    this.#site = site;
    this.#daemons = daemons;
    this.#wires = wires;
    this.#faults = faults;
    this.#fenced = fenced;
  }

  async ensureGranted(
    platform: PlatformRecord,
    attachment: AttachmentRecord,
    { adopt = false }: GrantOptions = {},
  ): Promise<void> {
    const lender = this.#memory(attachment);
    await this.#step('grant', attachment, lender.id, lender.address, async (address) => {
      await this.#daemons.call(address, {
        method: 'PUT',
        path: `/v1/grants/${attachment.id}`,
        body: {
          ranges: [this.range(attachment)],
          borrower: platform.brick,
          ...(adopt ? { adopt } : {}),
        },
        timeoutMs: this.#daemons.timeouts.callMs,
      });
    });
    if (attachment.state === 'reserved') attachment.state = 'granted';
  }

  async ensureWired(_platform: PlatformRecord, attachment: AttachmentRecord): Promise<void> {
    await this.#step('wire', attachment, 'switches', '', () => this.#wires.connect(attachment));
    if (['reserved', 'granted'].includes(attachment.state)) attachment.state = 'wired';
  }

  async ensureAttached(platform: PlatformRecord, attachment: AttachmentRecord): Promise<void> {
    const { id, mode, node, outId } = attachment;
    const compute = this.#compute(platform);
    const { start: remote, size } = this.range(attachment);
    await this.#step('attach', attachment, compute.id, compute.address, async (address) => {
      const answer = await this.#daemons.call(address, {
        method: 'POST',
        path: '/v1/attachments',
        body: {
          ...{ id, mode, size, remote, outId, retain: this.#lenderScrubs(attachment) },
          ...(mode === 'device' || node === undefined ? {} : { node }),
        },
        timeoutMs: this.#daemons.timeouts.attachMs,
      });
      const { start, node: joined, memport } = answer as AgentAttachment;
      attachment.at = { start, node: joined, memport };
    });
    attachment.state = 'attached';
  }

  async ensureDetached(platform: PlatformRecord, attachment: AttachmentRecord): Promise<void> {
    const compute = this.#compute(platform);
    const retain = this.#lenderScrubs(attachment);
    const address = this.#fenced(compute.id) ? undefined : compute.address;
    await this.#step('detach', attachment, compute.id, address, async (at) => {
      const call = this.#daemons.call(at, {
        method: 'DELETE',
        path: `/v1/attachments/${attachment.id}?retain=${retain}`,
        timeoutMs: this.#daemons.timeouts.detachMs,
      });
      await call.catch(unless('SDM_NOT_FOUND'));
    });
    delete attachment.at;
    attachment.state = 'detached';
  }

  async ensureUnwired(_platform: PlatformRecord, attachment: AttachmentRecord): Promise<void> {
    await this.#step('unwire', attachment, 'switches', '', () =>
      this.#wires.disconnect(attachment),
    );
    attachment.state = 'unwired';
  }

  async ensureScrubbed(segments: Segments): Promise<void> {
    const lender = this.#memory(segments);
    const { timeouts } = this.#daemons;
    const range = this.range(segments);
    await this.#step('scrub', segments, lender.id, lender.address, async (address) => {
      try {
        await this.#daemons.call(address, {
          method: 'DELETE',
          // of another range it is not this attachment's, whatever its id
          path: `/v1/grants/${segments.id}?start=${range.start}&size=${range.size}`,
          timeoutMs: timeouts.scrubMs,
        });
      } catch (error) {
        unless('SDM_NOT_FOUND', 'SDM_CONFLICT')(error);
        // It was never granted, or was dropped by a request whose answer was lost: proved either way. What
        // the lender keeps for a person to decide about is refused, and stays.
        await this.#daemons.call(address, {
          method: 'POST',
          path: '/v1/scrub',
          body: { ranges: [range] },
          timeoutMs: timeouts.scrubMs,
        });
      }
    });
  }

  /** Remote addresses. */
  range({ memory, first, count }: Omit<Segments, 'id'>): { start: string; size: string } {
    const { base } = this.#memory({ memory });
    const { segmentSize } = this.#site;
    return {
      start: hex(base + BigInt(first) * segmentSize),
      size: hex(BigInt(count) * segmentSize),
    };
  }

  /** Without a lender all that there is is the borrower's own scrub. */
  #lenderScrubs(attachment: Pick<AttachmentRecord, 'memory'>): boolean {
    return this.#memory(attachment).address !== undefined;
  }

  async #step(
    name: StepName,
    subject: { readonly id: string; error?: ErrorView },
    target: string,
    address: string | undefined,
    task: (address: string) => Promise<void>,
  ): Promise<void> {
    await this.#faults.at(`${name}.before`);
    if (address !== undefined) {
      await task(address).catch((error: unknown) => {
        throw inStep(error, name, subject.id, target, address);
      });
    }
    await this.#faults.at(`${name}.after`);
  }

  #compute({ brick }: Pick<PlatformRecord, 'brick'>): ComputeSite {
    return found(this.#site.computes.get(brick), brick);
  }

  #memory({ memory }: Pick<AttachmentRecord, 'memory'>): MemorySite {
    return found(this.#site.memories.get(memory), memory);
  }
}

function found<T>(site: T | undefined, brick: string): T {
  if (site !== undefined) return site;
  throw new SdmError('SDM_INTERNAL', `brick ${brick} is in a record, but not in the topology`);
}

function unless(...codes: readonly ErrorCode[]): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof SdmError && codes.includes(error.code)) return undefined;
    throw error;
  };
}

function inStep(
  error: unknown,
  step: StepName,
  attachment: string,
  target: string,
  address: string,
): unknown {
  if (!(error instanceof SdmError)) return error;
  const where = address === '' ? '' : ` at ${target} (${address})`;
  return new SdmError(error.code, `${step} of ${attachment}${where}: ${error.message}`, {
    details: { target, ...(address === '' ? {} : { address }), ...error.details, step, attachment },
    cause: error,
  });
}

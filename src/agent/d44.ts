import { hex } from '../abi/codec.js';
import {
  checkAdd,
  segmentName,
  sizeOf,
  type AddCommand,
  type AddSegment,
  type Command,
  type RemoveCommand,
} from '../abi/d44/index.js';
import { SdmError } from '../common/errors.js';
import { d44Id } from './attachment-id.js';
import { matchSegment } from './d44/match.js';
import { checkOwnAddress } from './d44/own-address.js';
import { QUEUE_MS } from './defaults.js';
import { codeOf, errorView, messageOf } from './memory/errors.js';
import { WINDOW_DEVICE } from './memory/window.js';
import { CommandQueue } from './queue.js';
import {
  LOCAL,
  type AgentCore,
  type AttachRequest,
  type Attachment,
  type Caller,
} from './types.js';

/** Below it nothing can be mapped, whatever the granule is. */
const PAGE = 4096n;

type Core = Pick<
  AgentCore,
  'brick' | 'listAttachments' | 'ensure' | 'detach' | 'memory' | 'reconcile'
>;
type Outcome<T = Attachment> = PromiseSettledResult<T>;

/** Carries out D4.4's commands: a segment is a `device` attachment with an id of its address. */
export class RemoteMemory {
  readonly #agent: Core;
  readonly #addresses: readonly string[] | undefined;
  /** Two commands that name the same address come one after the other. */
  readonly #queue = new CommandQueue();

  /** @param addresses of this brick; undefined: those of its interfaces. */
  constructor(agent: Core, addresses: readonly string[] | undefined) {
    this.#agent = agent;
    this.#addresses = addresses;
  }

  /**
   * Adds or removes all segments or none. An Add of what is there already is no error.
   * @returns the attachments, in the order of the segments; those removed have state `free`.
   * @throws SDM_OTHER_BRICK, SDM_INPUT (alignment, overlap); for a Remove SDM_NOT_FOUND,
   * SDM_CONFLICT, SDM_NOT_OWNER, SDM_DEVICE_MAPPED; and as attach and detach, naming the segment.
   */
  async run(command: Command, caller: Caller = LOCAL): Promise<Attachment[]> {
    const { brick, checks, granule } = this.#agent.brick();
    if (command.cIP !== undefined) checkOwnAddress(brick, command.cIP, this.#addresses);
    if (command.action === 'Add') {
      const unit = granule > PAGE ? granule : PAGE;
      const { alignment, remoteOverlap } = checks;
      checkAdd(command, { unit: alignment ? unit : undefined, remoteOverlap });
    }
    const keys = command.segments.map(({ start }) => hex(start)).sort();
    const name = `${command.action} of ${keys.length} segments`;
    return this.#queue.run(
      name,
      QUEUE_MS,
      (turn) =>
        turn.away(
          command.action === 'Add' ? this.#add(command, caller) : this.#remove(command, caller),
        ),
      keys,
    );
  }

  async #add({ segments }: AddCommand, caller: Caller): Promise<Attachment[]> {
    const outcomes = await Promise.allSettled(
      segments.map((segment) => this.#agent.ensure(requestOf(segment), caller)),
    );
    const failed = outcomes.findIndex(({ status }) => status === 'rejected');
    const there = values(outcomes);
    if (failed === -1) return there.map(({ attachment }) => attachment);
    // only the core knows: others may attach the same at the same time
    const made = there.filter(({ created }) => created).map(({ attachment }) => attachment);
    const undone = await Promise.allSettled(
      made.map(({ id }) => this.#agent.detach(id, {}, caller)),
    );
    const left = made.filter((_, i) => undone[i]!.status === 'rejected').map(({ id }) => id);
    const { reason } = outcomes[failed] as PromiseRejectedResult;
    const segment = segments[failed]!;
    throw new SdmError(
      left.length === 0 ? codeOf(reason) : 'SDM_FAILED',
      `${segmentName(failed, segment)}: ${messageOf(reason)}; ` +
        (left.length === 0
          ? 'nothing that this command made is left'
          : `what it had made could not be taken back: ${left.join(', ')} (\`sdm-agent list\`)`),
      {
        details: {
          ...(reason instanceof SdmError ? reason.details : {}),
          segment: failed,
          startA: hex(segment.start),
          ...(left.length === 0 ? { undone: true } : { left, cause: errorView(reason) }),
        },
        cause: reason,
      },
    );
  }

  async #remove({ segments }: RemoveCommand, caller: Caller): Promise<Attachment[]> {
    // what is being undone or given back at a start is not there to be removed
    await this.#agent.reconcile();
    const there = this.#agent.listAttachments();
    const found = segments.map((segment, i) => matchSegment(segment, i, there, caller));
    await this.#checkUnused(found);
    const outcomes = await Promise.allSettled(
      found.map(({ id }) => this.#agent.detach(id, {}, caller)),
    );
    const failed = outcomes.findIndex(({ status }) => status === 'rejected');
    if (failed === -1) return values(outcomes);
    const { reason } = outcomes[failed] as PromiseRejectedResult;
    const removed = values(outcomes).map(({ id }) => id);
    throw new SdmError(
      codeOf(reason),
      `${segmentName(failed, segments[failed]!)}: ${messageOf(reason)}; ` +
        (removed.length === 0 ? 'nothing was removed' : `removed were ${removed.join(', ')}`),
      {
        details: {
          ...(reason instanceof SdmError ? reason.details : {}),
          segment: failed,
          startA: hex(segments[failed]!.start),
          segments: outcomes.map((outcome, i) => report(found[i]!, outcome)),
        },
        cause: reason,
      },
    );
  }

  /** Looks at all before any is removed: one that programs map would be refused halfway. */
  async #checkUnused(found: readonly Attachment[]): Promise<void> {
    if (!found.some(({ device }) => device?.path === WINDOW_DEVICE)) return;
    const { regions } = (await this.#agent.memory()).module;
    for (const [index, attachment] of found.entries()) {
      const { start, end, id } = attachment;
      const region = regions.find((one) => one.start <= end && start <= one.end && one.mapped > 0);
      if (region === undefined) continue;
      throw new SdmError(
        'SDM_DEVICE_MAPPED',
        `${segmentName(index, attachment)} is attachment ${id}, which ${region.mapped} live ` +
          `mapping${region.mapped === 1 ? '' : 's'} of ${WINDOW_DEVICE} use: end these programs ` +
          'first; nothing was removed',
        { details: { segment: index, startA: hex(start), attachment: id, mapped: region.mapped } },
      );
    }
  }
}

function requestOf(segment: AddSegment): AttachRequest {
  const { start, remote, net } = segment;
  return {
    id: d44Id(hex(start)),
    mode: 'device',
    size: sizeOf(segment),
    start,
    remote,
    outId: net,
    inId: net,
  };
}

function values<T>(outcomes: readonly Outcome<T>[]): T[] {
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}

/** What became of one segment, for programs. */
function report({ id, start }: Attachment, outcome: Outcome): object {
  return {
    startA: hex(start),
    attachment: id,
    ...(outcome.status === 'fulfilled'
      ? { state: outcome.value.state }
      : { error: errorView(outcome.reason) }),
  };
}

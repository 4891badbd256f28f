import { SdmError } from '../common/errors.js';
import { formatTable } from '../common/table.js';
import { formatSize, hex } from '../common/units.js';
import type { AttachmentJson, FillJson, MemoryJson } from './brick-commands.js';
import { BrickTeller } from './brick-teller.js';
import { checkZero, findFilledPages, type PoolRange } from './pool-pages.js';

const PAGE_BYTES = 4096n;

/** One brick's part of the demo, and the time that each step took. */
export class BrickStory extends BrickTeller {
  #before: MemoryJson | undefined;
  #attachment: AttachmentJson | undefined;
  #fill: { result: FillJson; seed: bigint; release: () => Promise<void> } | undefined;

  /** Memory before, attach, memory after, and a program that uses it. */
  async borrow(size: bigint): Promise<void> {
    const say = (text: string): void => this.transcript.say(text);
    this.#before = await this.time('look at memory', () => this.commands.memory());
    say(memoryTable(this.#before));
    if (nodesWithMemory(this.#before).length !== 1) {
      throw new SdmError('SDM_DEMO', `brick ${this.n} has remote memory before the attach`);
    }

    const attachment = await this.time(`attach ${formatSize(size)}`, () =>
      this.commands.attach(String(size)),
    );
    this.#attachment = attachment;
    this.#timesOf(attachment, 'attach');
    say(
      `  ${attachment.id} is ${attachment.state}: memport ${attachment.memport} maps ` +
        `${attachment.start}-${attachment.end} to ${attachment.remote} of the pool`,
    );

    const after = await this.commands.memory();
    say(memoryTable(after));
    const node = after.nodes.find((candidate) => candidate.node === attachment.node);
    if (node === undefined || BigInt(node.totalBytes) !== BigInt(attachment.size)) {
      throw new SdmError(
        'SDM_DEMO',
        `node ${attachment.node} of brick ${this.n} has ${node?.totalBytes ?? 'no'} bytes after ` +
          `the attach, ${attachment.size} were asked for`,
      );
    }

    // The kernel keeps some pages of a node on lists of its own: leave it a sixteenth.
    const bytes = (((BigInt(node.freeBytes) / 16n) * 15n) / PAGE_BYTES) * PAGE_BYTES;
    const seed = BigInt(Date.now()) * 16n + BigInt(this.n);
    const fill = await this.time(`fill and verify ${formatSize(bytes)}`, () =>
      this.commands.fill(attachment.node, bytes, seed),
    );
    this.#fill = { ...fill, seed };
    say(
      `  a program holds ${fill.result.pages} pages of node ${fill.result.node}, physical ` +
        `${fill.result.physMin}-${fill.result.physMax}`,
    );
  }

  /** On the host: every page that the program filled is in the pool where the attachment says. */
  async lookFromHost(): Promise<void> {
    const fill = present(this.#fill);
    const { first, last } = await this.time('find its pages in the pool', () =>
      findFilledPages(this.rack.poolPath, this.#range(), {
        seed: fill.seed,
        pages: fill.result.pages,
      }),
    );
    this.transcript.say(
      `  all ${fill.result.pages} pages of brick ${this.n} are in the pool file, at ${hex(first)} ` +
        `to ${hex(last + PAGE_BYTES - 1n)}`,
    );
  }

  /** The program ends, detach, memory as before, and zeros on the host. */
  async giveBack(): Promise<void> {
    const before = present(this.#before);
    const attachment = present(this.#attachment);
    await present(this.#fill).release();
    const detached = await this.time('detach', () => this.commands.detach(attachment.id));
    this.#timesOf({ steps: detached.steps.slice(attachment.steps.length) }, 'detach');
    const after = await this.commands.memory();
    this.transcript.say(memoryTable(after));
    const sizes = (memory: MemoryJson): string =>
      nodesWithMemory(memory)
        .map((node) => `${node.node}:${node.totalBytes}`)
        .join(' ');
    if (sizes(after) !== sizes(before)) {
      throw new SdmError(
        'SDM_DEMO',
        `memory of brick ${this.n} is not as before: ${sizes(before)} then, ${sizes(after)} now`,
      );
    }
    await this.time('see that its range reads zero', () =>
      checkZero(this.rack.poolPath, this.#range()),
    );
  }

  #range(): PoolRange {
    const { remote, size } = present(this.#attachment);
    return { start: BigInt(remote), size: BigInt(size) };
  }

  #timesOf({ steps }: Pick<AttachmentJson, 'steps'>, direction: string): void {
    for (const { step, ms } of steps) this.times.set(`  ${direction}: ${step}`, ms);
  }
}

/** Nodes that the firmware names are online from the start, with no memory in them. */
function nodesWithMemory(memory: MemoryJson): MemoryJson['nodes'] {
  return memory.nodes.filter((node) => BigInt(node.totalBytes) > 0n);
}

function memoryTable(memory: MemoryJson): string {
  const rows = nodesWithMemory(memory).map((node) => [
    String(node.node),
    mebibytes(node.totalBytes),
    mebibytes(node.freeBytes),
    node.tier === undefined ? '-' : String(node.tier),
  ]);
  const right = (title: string) => ({ title, align: 'right' as const });
  return formatTable(['    node', right('memory'), right('free'), right('tier')], rows.map(indent));
}

/** Rounded, so that a column can be compared at a glance. */
function mebibytes(bytes: string): string {
  return `${BigInt(bytes) >> 20n} MiB`;
}

function indent([first = '', ...rest]: readonly string[]): string[] {
  return [`    ${first}`, ...rest];
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a step of the demo was left out');
  return value;
}

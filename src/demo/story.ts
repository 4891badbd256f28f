import { SdmError } from '../common/errors.js';
import type { Progress } from '../common/progress.js';
import { formatTable } from '../common/table.js';
import { formatSize, hex } from '../common/units.js';
import type { Rack } from '../rack/index.js';
import type { FillJson, MemoryJson } from './brick-commands.js';
import { BrickTeller } from './brick-teller.js';
import { Operator, pathText, type PlatformView } from './operator.js';
import { checkZero, findFilledPages, type PoolRange } from './pool-pages.js';

const PAGE_BYTES = 4096n;
/** Where remote memory goes in the bricks of the demo. */
const NODE = 1;

/** One brick's part of the demo, and the time that each step took. */
export class BrickStory extends BrickTeller {
  readonly #operator: Operator;
  #before: MemoryJson | undefined;
  #platform: PlatformView | undefined;
  #fill: { result: FillJson; seed: bigint; release: () => Promise<void> } | undefined;

  constructor(rack: Rack, n: number, progress: Progress, signal: AbortSignal) {
    super(rack, n, progress, signal);
    this.#operator = new Operator(rack, signal);
  }

  /** Memory before, a platform that has more, memory after, and a program that uses it. */
  async borrow(size: bigint): Promise<void> {
    const say = (text: string): void => this.transcript.say(text);
    this.#before = await this.time('look at memory', () => this.commands.memory());
    say(memoryTable(this.#before));
    if (nodesWithMemory(this.#before).length !== 1) {
      throw new SdmError('SDM_DEMO', `brick ${this.n} has remote memory before the platform`);
    }

    const typed = this.#operator.createCommand(this.n, formatSize(size).replace(' ', ''));
    say(`  $ sdm ${typed.join(' ')}`);
    const platform = await this.time(`create a platform with ${formatSize(size)}`, () =>
      this.#operator.create(this.n, size),
    );
    this.#platform = platform;
    say(
      `  platform ${platform.id} is ${platform.state}: ${platform.cores} cores of ${platform.brick}`,
    );
    await this.#tellAttachments(platform);

    const after = await this.commands.memory();
    say(memoryTable(after));
    const node = after.nodes.find((candidate) => candidate.node === NODE);
    if (node === undefined || BigInt(node.totalBytes) !== size) {
      throw new SdmError(
        'SDM_DEMO',
        `node ${NODE} of brick ${this.n} has ${node?.totalBytes ?? 'no'} bytes after ` +
          `the platform was made, ${hex(size)} were asked for`,
      );
    }

    // The kernel keeps some pages of a node on lists of its own: leave it a sixteenth.
    const bytes = (((BigInt(node.freeBytes) / 16n) * 15n) / PAGE_BYTES) * PAGE_BYTES;
    const seed = BigInt(Date.now()) * 16n + BigInt(this.n);
    const fill = await this.time(`fill and verify ${formatSize(bytes)}`, () =>
      this.commands.fill(NODE, bytes, seed),
    );
    this.#fill = { ...fill, seed };
    say(
      `  a program holds ${fill.result.pages} pages of node ${fill.result.node}, physical ` +
        `${fill.result.physMin}-${fill.result.physMax}`,
    );
  }

  /** On the host: every page that the program filled is in the pool where the lender says. */
  async lookFromHost(): Promise<void> {
    const fill = present(this.#fill);
    const { first, last } = await this.time('find its pages in the pool', () =>
      findFilledPages(this.rack.poolPath, this.#ranges(), {
        seed: fill.seed,
        pages: fill.result.pages,
      }),
    );
    this.transcript.say(
      `  all ${fill.result.pages} pages of brick ${this.n} are in the pool file, at ${hex(first)} ` +
        `to ${hex(last + PAGE_BYTES - 1n)}`,
    );
  }

  /** The program ends, release, memory as before, and zeros on the host. */
  async giveBack(): Promise<void> {
    const before = present(this.#before);
    const platform = present(this.#platform);
    await present(this.#fill).release();
    this.transcript.say(`  $ sdm platform release ${platform.id}`);
    await this.time('release it', () => this.#operator.release(platform));
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
    await this.time('see that its range reads zero', async () => {
      for (const range of this.#ranges()) await checkZero(this.rack.poolPath, range);
    });
  }

  async #tellAttachments({ attachments }: PlatformView): Promise<void> {
    const seen = await this.commands.attachments(attachments.map(({ id }) => id));
    const sums = new Map<string, number>();
    for (const [i, { id, state, memport, start, end, remote, steps }] of seen.entries()) {
      const { memory, ...view } = attachments[i]!;
      this.transcript.say(
        `  ${id} is ${state}: memport ${memport} maps ${start}-${end} to ${remote} of the pool, ` +
          `lent by ${memory} over ${pathText({ memory, ...view })}`,
      );
      for (const { step, ms } of steps) sums.set(step, (sums.get(step) ?? 0) + ms);
    }
    for (const [step, ms] of sums) this.times.set(`  at the agent: ${step}`, ms);
  }

  #ranges(): PoolRange[] {
    return present(this.#platform).attachments.map(({ remote, size }) => ({
      start: BigInt(remote),
      size: BigInt(size),
    }));
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

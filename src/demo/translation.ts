import { SdmError } from '../common/errors.js';
import { formatTable } from '../common/table.js';
import { hex } from '../common/units.js';
import type { AttachmentJson } from './brick-commands.js';
import { BrickTeller } from './brick-teller.js';
import { findFilledPages } from './pool-pages.js';

const MIB = 1n << 20n;
const GIB = 1n << 30n;
const PIECE = 32n * MIB;
const PAGE_BYTES = 4096n;
/** Where all bricks have a piece, in the part of the pool that they share. */
const SHARED_REMOTE = 32n * MIB;
/** Far from what is attached as RAM; each brick's pieces begin at another multiple. */
const PLACE = 4n * GIB;

/**
 * What only bricks on a QEMU with our device can show: memports lead from any address to any part of
 * the pool, and what none of them maps is not there.
 */
export class TranslationStory extends BrickTeller {
  /** The last is the one that all bricks have. */
  #pieces: AttachmentJson[] = [];
  /** Right behind the pieces; no memport maps it. */
  #nowhere = 0n;
  #window = 0n;

  /** Parts of the pool that lie apart, one after another in this brick's window. */
  async place(): Promise<void> {
    const window = (await this.commands.memory()).module.window;
    if (window === undefined) {
      throw new SdmError('SDM_DEMO', `brick ${this.n} has no window`);
    }
    this.#window = BigInt(window.start);
    const own = this.rack.state().bricks[this.n - 1]?.shares.find((share) => !share.shared);
    const end = BigInt(own?.start ?? 0) + BigInt(own?.size ?? 0);
    const remotes = [end - PIECE, end - 3n * PIECE, SHARED_REMOTE];
    const start = this.#window + (BigInt(this.n) + 7n) * PLACE;
    await this.time(`attach ${remotes.length} parts of the pool`, async () => {
      for (const [i, remote] of remotes.entries()) {
        this.#pieces.push(
          await this.commands.attachDevice({
            size: PIECE,
            start: start + BigInt(i) * PIECE,
            remote,
            shared: remote === SHARED_REMOTE,
          }),
        );
      }
    });
    this.#nowhere = start + BigInt(remotes.length) * PIECE;
    this.transcript.say(placesTable(this.#pieces));
    await this.time('fill the first, and find it in the pool', () => this.#fillFirst());
  }

  /** Writes the part that all bricks have, or finds there what another one wrote. */
  async use(how: 'write' | 'check', seed: bigint): Promise<void> {
    const shared = this.#pieces.at(-1)!;
    const step = how === 'write' ? 'write the part that all have' : 'find in it what brick 1 wrote';
    await this.time(step, () => this.commands.fillDevice(shared, how, seed));
    this.transcript.say(`  at ${shared.start}, which is ${shared.remote} of the pool`);
  }

  /** The kernel lets a program map the address, and still there is nothing. */
  async reachBeyond(): Promise<void> {
    const outcome = await this.time('touch an address that no memport maps', () =>
      this.commands.touchUnmapped(this.#window, this.#nowhere, PAGE_BYTES * 512n),
    );
    if (outcome !== 'SIGBUS') {
      throw new SdmError(
        'SDM_DEMO',
        `a program in brick ${this.n} reached ${hex(this.#nowhere)}, which no memport maps: ${outcome}`,
      );
    }
    this.transcript.say(`  at ${hex(this.#nowhere)} a program ends with ${outcome}`);
  }

  async giveBack(): Promise<void> {
    await this.time('detach the parts', async () => {
      for (const { id } of this.#pieces) await this.commands.detach(id);
    });
  }

  async #fillFirst(): Promise<void> {
    const first = this.#pieces[0]!;
    const seed = BigInt(Date.now()) * 16n + BigInt(this.n);
    await this.commands.fillDevice(first, 'write', seed);
    await findFilledPages(this.rack.poolPath, [{ start: BigInt(first.remote), size: PIECE }], {
      seed,
      pages: Number(PIECE / PAGE_BYTES),
    });
  }
}

function placesTable(pieces: readonly AttachmentJson[]): string {
  const span = (start: bigint): string => `${hex(start)}-${hex(start + PIECE - 1n)}`;
  return formatTable(
    ['    in this brick', 'in the pool'],
    pieces.map(({ start, remote }) => [`    ${span(BigInt(start))}`, span(BigInt(remote))]),
  );
}

import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { SdmError } from '../../common/errors.js';
import type { FaultAt } from '../faults.js';

const closed = { additionalProperties: false } as const;
const Port = Type.Integer({ minimum: 0, maximum: 65535 });

/** What an emulated board is over restarts of its daemon. */
export const BoardState = Type.Object(
  {
    version: Type.Literal(1),
    bricks: Type.Record(
      Type.String(),
      Type.Object({ on: Type.Boolean(), bootSource: Type.String() }, closed),
    ),
    switches: Type.Record(Type.String(), Type.Array(Type.Tuple([Port, Port]))),
    /** Of the controller with the highest epoch that was heard. */
    term: Type.Optional(
      Type.Object(
        { epoch: Type.String({ pattern: '^(0|[1-9][0-9]{0,18})$' }), controller: Type.String() },
        closed,
      ),
    ),
  },
  closed,
);
export type BoardState = Static<typeof BoardState>;

export const NEW_BOARD: BoardState = { version: 1, bricks: {}, switches: {} };

/**
 * Keeps the state of a board in a file that is replaced whole: whoever reads it after a crash has the one
 * before or the one after. All who wait while one is written share the next.
 */
export class StateFile {
  readonly #path: string;
  readonly #look: () => BoardState;
  readonly #faults: FaultAt;
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #tellFailed: (error: Error) => void = () => {};
  readonly failed = new Promise<Error>((resolve) => (this.#tellFailed = resolve));

  /** @param look gives the state that is to be kept, when it is written. */
  constructor(dir: string, look: () => BoardState, faults: FaultAt) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#path = join(dir, 'board.json');
    this.#look = look;
    this.#faults = faults;
  }

  /** @throws SDM_BOARD_STATE if there is something else than we write. */
  static read(dir: string): BoardState {
    const path = join(dir, 'board.json');
    const unusable = (why: string, cause?: unknown): SdmError =>
      new SdmError(
        'SDM_BOARD_STATE',
        `${path} ${why}; put it aside to begin with a board on which nothing is connected`,
        { details: { file: path }, cause },
      );
    let value: unknown;
    try {
      value = JSON.parse(readFileSync(path, 'utf8'));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return NEW_BOARD;
      throw unusable(`cannot be read: ${(cause as Error).message}`, cause);
    }
    if (Value.Check(BoardState, value)) return value;
    const error = Value.Errors(BoardState, value)[0];
    throw unusable(`is not valid at "${error?.instancePath}": ${error?.message}`);
  }

  /** Resolves when what is so now is on disk. @throws SDM_BOARD_STATE, and `failed` fires. */
  save(): Promise<void> {
    if (this.#writing === undefined) return (this.#writing = this.#run());
    return (this.#next ??= this.#writing.then(() => {
      this.#next = undefined;
      return (this.#writing = this.#run());
    }));
  }

  async #run(): Promise<void> {
    try {
      await this.#write();
      // a failed write stays: who comes later must not be told that all is well
      this.#writing = undefined;
    } catch (cause) {
      const error = new SdmError(
        'SDM_BOARD_STATE',
        `${this.#path} cannot be written: ${(cause as Error).message}; the daemon ends, and its next ` +
          'start has what was kept before',
        { details: { file: this.#path }, cause },
      );
      this.#tellFailed(error);
      throw error;
    }
  }

  async #write(): Promise<void> {
    const draft = `${this.#path}.new`;
    const text = `${JSON.stringify(this.#look())}\n`;
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#faults('state.written');
    await rename(draft, this.#path);
    const dir = await open(dirname(this.#path), 'r');
    await dir.sync().finally(() => dir.close());
    await this.#faults('state.renamed');
  }
}

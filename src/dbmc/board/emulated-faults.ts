import type { BoardEvent, BoardFaults, Fault } from './types.js';

interface Hooks {
  /** @throws SDM_NO_RESOURCE */
  known(what: { readonly brick: string } | { readonly switch: string }): unknown;
  /** The links of a brick may have to follow. */
  changed(brick: string): Promise<void>;
  tell(event: BoardEvent): void;
}

/** What tests made go wrong on an emulated board. */
export class EmulatedFaults implements BoardFaults {
  readonly #hooks: Hooks;
  #faults: readonly Fault[] = [];

  constructor(hooks: Hooks) {
    this.#hooks = hooks;
  }

  list(): readonly Fault[] {
    return this.#faults;
  }

  async set(faults: readonly Fault[]): Promise<void> {
    for (const fault of faults) {
      if ('brick' in fault && fault.brick !== undefined) this.#hooks.known({ brick: fault.brick });
      if ('switch' in fault && fault.switch !== undefined)
        this.#hooks.known({ switch: fault.switch });
    }
    const before = this.#faults;
    this.#faults = faults;
    this.#hooks.tell({ kind: 'faults.set', count: faults.length });
    const bricks = [...before, ...faults].flatMap((fault) =>
      'brick' in fault && fault.brick !== undefined ? [fault.brick] : [],
    );
    for (const brick of new Set(bricks)) {
      this.#compare(brick, before);
      await this.#hooks.changed(brick);
    }
  }

  get slowMs(): number {
    return Math.max(0, ...this.#faults.map((fault) => (fault.kind === 'slow' ? fault.ms : 0)));
  }

  get celsius(): number | undefined {
    return this.#faults.find((fault) => fault.kind === 'hot')?.celsius;
  }

  unplugged(brick: string): boolean {
    return has(this.#faults, 'unplugged', brick);
  }

  powerOff(brick: string): boolean {
    return has(this.#faults, 'power-off', brick);
  }

  silent(what: { readonly brick?: string; readonly switch?: string }): boolean {
    return this.#faults.some(
      (fault) =>
        fault.kind === 'silent' &&
        (what.brick === undefined || fault.brick === what.brick) &&
        (what.switch === undefined || fault.switch === what.switch),
    );
  }

  stuck(id: string, port: number): boolean {
    return this.#faults.some(
      (fault) => fault.kind === 'port' && fault.switch === id && fault.port === port,
    );
  }

  #compare(brick: string, before: readonly Fault[]): void {
    const unplugged = this.unplugged(brick);
    if (has(before, 'unplugged', brick) !== unplugged) {
      this.#hooks.tell({ kind: unplugged ? 'brick.unplugged' : 'brick.plugged', brick });
    }
    const off = this.powerOff(brick);
    if (has(before, 'power-off', brick) !== off) {
      this.#hooks.tell({ kind: off ? 'brick.off' : 'brick.on', brick });
    }
  }
}

function has(faults: readonly Fault[], kind: 'unplugged' | 'power-off', brick: string): boolean {
  return faults.some((fault) => fault.kind === kind && fault.brick === brick);
}

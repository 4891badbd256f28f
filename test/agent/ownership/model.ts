import { LOCAL, type Caller } from '../../../src/agent/types.js';

/** Commands as the random test makes them. Memports and ranges by hand are few, so that they clash. */
export type Command =
  | { readonly do: 'attach'; readonly id: string; readonly units: number; readonly caller: Caller }
  | {
      readonly do: 'detach';
      readonly id: string;
      readonly override: boolean;
      readonly caller: Caller;
    }
  | {
      readonly do: 'set';
      readonly port: number;
      readonly override: boolean;
      readonly caller: Caller;
    }
  | {
      readonly do: 'clear';
      readonly port: number;
      readonly override: boolean;
      readonly caller: Caller;
    };

/** An error's code; of what succeeded: which owner the answer names, "" for what is gone. */
export type Outcome = string;

/** What can be seen of a brick, without the places that were chosen. */
export interface Seen {
  readonly term: string;
  /** By id: units and owner. */
  readonly attachments: Readonly<Record<string, string>>;
  /** Ports by hand: owner. */
  readonly ports: Readonly<Record<string, string>>;
}

/** The rules in their simplest form: one command after another, nothing but names and owners. */
export class Model {
  #term: { epoch: bigint; owner: string } | undefined;
  readonly #attachments = new Map<string, { units: number; owner: string }>();
  readonly #ports = new Map<number, string>();
  /** Ids that were given back: a repeated detach gets the same answer. */
  readonly #freed = new Map<string, string>();
  /** Owner and id of what controllers have deleted. */
  readonly #gone = new Set<string>();

  copy(): Model {
    const copy = new Model();
    copy.#term = this.#term;
    for (const [id, a] of this.#attachments) copy.#attachments.set(id, { ...a });
    for (const [port, owner] of this.#ports) copy.#ports.set(port, owner);
    for (const [id, owner] of this.#freed) copy.#freed.set(id, owner);
    for (const each of this.#gone) copy.#gone.add(each);
    return copy;
  }

  run(command: Command): Outcome {
    const { caller } = command;
    if (caller.epoch !== undefined) {
      const term = this.#term;
      const later = term === undefined || caller.epoch > term.epoch;
      if (!later && (caller.epoch < term.epoch || caller.owner !== term.owner)) {
        return 'SDM_STALE_EPOCH';
      }
      this.#term = { epoch: caller.epoch, owner: caller.owner };
    }
    switch (command.do) {
      case 'attach':
        return this.#attach(command.id, command.units, caller);
      case 'detach':
        return this.#detach(command.id, command.override, caller);
      case 'set':
        return this.#set(command.port, command.override, caller);
      case 'clear':
        return this.#clear(command.port, command.override, caller);
    }
  }

  seen(): Seen {
    return {
      term: this.#term === undefined ? 'none' : `${this.#term.owner} ${this.#term.epoch}`,
      attachments: Object.fromEntries(
        [...this.#attachments].map(([id, a]) => [id, `${a.units} of ${a.owner}`]),
      ),
      ports: Object.fromEntries([...this.#ports].map(([port, owner]) => [port, owner])),
    };
  }

  #attach(id: string, units: number, caller: Caller): Outcome {
    const known = this.#attachments.get(id);
    if (known !== undefined) {
      if (known.units !== units || !may(known.owner, caller)) return 'SDM_CONFLICT';
      known.owner = caller.owner;
      return caller.owner;
    }
    if (this.#gone.has(`${caller.owner} ${id}`)) return 'SDM_GONE';
    this.#attachments.set(id, { units, owner: caller.owner });
    this.#freed.delete(id);
    return caller.owner;
  }

  #detach(id: string, override: boolean, caller: Caller): Outcome {
    const gone = (): unknown =>
      caller.owner === LOCAL.owner || this.#gone.add(`${caller.owner} ${id}`);
    if (!this.#attachments.has(id)) gone();
    if (this.#freed.has(id)) return `free of ${this.#freed.get(id)}`;
    const known = this.#attachments.get(id);
    if (known === undefined) return 'SDM_NOT_FOUND';
    if (!override && !may(known.owner, caller)) return 'SDM_NOT_OWNER';
    const owner = may(known.owner, caller) ? caller.owner : known.owner;
    gone();
    this.#attachments.delete(id);
    this.#freed.set(id, owner);
    return `free of ${owner}`;
  }

  #set(port: number, override: boolean, caller: Caller): Outcome {
    const owner = this.#ports.get(port);
    if (owner !== undefined && !override && !may(owner, caller)) return 'SDM_NOT_OWNER';
    this.#ports.set(port, caller.owner);
    return caller.owner;
  }

  #clear(port: number, override: boolean, caller: Caller): Outcome {
    const owner = this.#ports.get(port);
    if (owner !== undefined && !override && !may(owner, caller)) return 'SDM_NOT_OWNER';
    this.#ports.delete(port);
    return '';
  }
}

function may(owner: string, caller: Caller): boolean {
  return (owner === LOCAL.owner) === (caller.owner === LOCAL.owner);
}

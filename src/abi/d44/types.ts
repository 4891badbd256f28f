/** A range of local physical addresses; `end` is the last one. */
export interface LocalRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** A segment to add: where it appears, where it leads, and by which network id. */
export interface AddSegment extends LocalRange {
  readonly remote: bigint;
  readonly net: bigint;
}

/** A segment to remove. What is given beside the range must be as it was added. */
export interface RemoveSegment extends LocalRange {
  readonly remote: bigint | undefined;
  readonly net: bigint | undefined;
}

export const ACTIONS = ['Add', 'Remove'] as const;
export type Action = (typeof ACTIONS)[number];

interface CommandOf<A extends Action, S> {
  readonly action: A;
  /** 1 to 512, of which no two have a local address in common. */
  readonly segments: readonly S[];
  /** IP address of the compute brick that is meant; undefined: the one that is asked. */
  readonly cIP: string | undefined;
}
export type AddCommand = CommandOf<'Add', AddSegment>;
export type RemoveCommand = CommandOf<'Remove', RemoveSegment>;

/** What the platform synthesizer sends to an agent: D4.4 §3.3.1. Addresses in bytes. */
export type Command = AddCommand | RemoveCommand;

/** Bytes of a range. */
export function sizeOf({ start, end }: LocalRange): bigint {
  return end - start + 1n;
}

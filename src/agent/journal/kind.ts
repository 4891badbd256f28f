/** What adds entries up. */
export interface Model<E> {
  /** @param entry kept: nobody changes it any more. */
  apply(entry: E): void;
}

/**
 * What a journal is of: the file, its groups and what is done on a full disk are the same for all.
 * @typeParam E an entry, which stands for itself.
 * @typeParam M what entries add up to.
 */
export interface JournalKind<E, M extends Model<E>> {
  /** Of no entries. */
  model(): M;
  /** A model that goes on from a state, and leaves it as it is. */
  modelOf(state: M): M;
  /** The fewest entries that add up to a state. */
  entriesOf(state: M): Iterable<E>;
  /** As it is now, where it goes on changing. */
  copy(entry: E): E;
  /** One line of JSON. @throws for a value that no entry may have. */
  encode(entry: E): string;
  /** @throws CodecError for text that is no entry, or one that this version does not know. */
  decode(text: string): E;
  /** Whether something is going to be in use that was not: refused where the disk is full. */
  takes(entry: E): boolean;
  /** What a note is about: of those that are not written yet the last one counts. */
  placeOf?(entry: E): string | undefined;
  /** Of what such notes are not to be replaced any more, since they must not come after this. */
  settles?(entry: E): string | undefined;
}

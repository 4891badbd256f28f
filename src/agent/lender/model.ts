import type { Model } from '../journal/kind.js';
import { runsOf, segmentCount, segmentsOf, type Geometry, type Run } from './runs.js';

/** A grant as the journal has it. */
export interface GrantRecord {
  readonly id: string;
  /** `local`, or a controller. */
  readonly owner: string;
  readonly runs: readonly Run[];
  readonly shared: boolean;
  readonly region: string;
  readonly borrower?: string;
}

/** What a journal speaks of. One that speaks of something else must not be acted on. */
export interface LenderIdentity extends Geometry {
  readonly brick: string;
  /** "file /path" or "device /path". */
  readonly pool: string;
}

/** What is true of a segment that has no grant. Of one that has, only `dirty` may be. */
export type Base = 'clean' | 'dirty' | 'unknown' | { readonly retained: string };

/** What is written before something is done, or said. The last entry of an id counts. */
export type LenderEntry =
  /** The lender begins: what it has, and in which life of its bytes (boot and file). */
  | { readonly kind: 'begin'; readonly identity: LenderIdentity; readonly life: string }
  | { readonly kind: 'epoch'; readonly epoch: bigint; readonly controller: string }
  /** It is there, or its owner is another one now. */
  | { readonly kind: 'grant'; readonly grant: GrantRecord }
  /** It ends; what nobody else has of it is to be scrubbed, or kept for its region. */
  | { readonly kind: 'drop'; readonly id: string; readonly retain: boolean }
  /** It has ended, and these of its segments are to be scrubbed. Only in checkpoints. */
  | { readonly kind: 'leaving'; readonly grant: GrantRecord; readonly left: readonly Run[] }
  /** What these are; `clean` only after the proof. */
  | {
      readonly kind: 'segments';
      readonly run: Run;
      readonly state: 'clean' | 'dirty' | 'unknown' | 'retained';
      readonly region?: string;
    };

export interface Leaving {
  readonly grant: GrantRecord;
  /** Those that it was the last owner of. */
  readonly left: readonly Run[];
}

/** Adds entries up. */
export class LenderModel implements Model<LenderEntry> {
  readonly grants = new Map<string, GrantRecord>();
  readonly leaving = new Map<string, Leaving>();
  begin: { readonly identity: LenderIdentity; readonly life: string } | undefined;
  epoch: { readonly epoch: bigint; readonly controller: string } | undefined;
  /** By segment. */
  base: Base[] = [];
  /** Ids of grants by segment. */
  owners: string[][] = [];

  /** Segments that are in no grant and are to be scrubbed. */
  dirty(): number[] {
    return [...this.base.keys()].filter((segment) => this.isDirty(segment));
  }

  isDirty(segment: number): boolean {
    return this.base[segment] === 'dirty' && this.owners[segment]!.length === 0;
  }

  apply(entry: LenderEntry): void {
    switch (entry.kind) {
      case 'begin':
        this.#begin(entry.identity, entry.life);
        break;
      case 'epoch':
        this.epoch = { epoch: entry.epoch, controller: entry.controller };
        break;
      case 'grant':
        this.#grant(entry.grant);
        break;
      case 'drop':
        this.#drop(entry.id, entry.retain);
        break;
      case 'leaving':
        this.leaving.set(entry.grant.id, { grant: entry.grant, left: entry.left });
        break;
      case 'segments': {
        const { run, state, region = '' } = entry;
        const base = state === 'retained' ? { retained: region } : state;
        for (const segment of segmentsOf([run])) this.base[segment] = base;
        if (state === 'clean') this.#settle();
        break;
      }
    }
  }

  #begin(identity: LenderIdentity, life: string): void {
    if (this.begin === undefined) {
      const count = segmentCount(identity);
      this.base = Array.from({ length: count }, (): Base => 'unknown');
      this.owners = Array.from({ length: count }, () => []);
    } else if (this.begin.life !== life) {
      // what was proven was proven of other bytes
      this.base = this.base.map((base) => (base === 'clean' ? 'dirty' : base));
    }
    this.begin = { identity, life };
  }

  #grant(grant: GrantRecord): void {
    const known = this.grants.has(grant.id);
    this.grants.set(grant.id, grant);
    if (known) return;
    for (const segment of segmentsOf(grant.runs)) {
      this.owners[segment]!.push(grant.id);
      this.base[segment] = 'dirty';
    }
  }

  #drop(id: string, retain: boolean): void {
    const grant = this.grants.get(id);
    if (grant === undefined) return;
    this.grants.delete(id);
    const left: number[] = [];
    for (const segment of segmentsOf(grant.runs)) {
      const others = this.owners[segment]!.filter((owner) => owner !== id);
      this.owners[segment] = others;
      if (others.length > 0) continue;
      if (retain) this.base[segment] = { retained: grant.region };
      else left.push(segment);
    }
    if (left.length > 0) this.leaving.set(id, { grant, left: runsOf(left.sort((a, b) => a - b)) });
  }

  /** Those are gone of which nothing is dirty any more. */
  #settle(): void {
    for (const [id, { left }] of this.leaving) {
      if (!segmentsOf(left).some((segment) => this.isDirty(segment))) this.leaving.delete(id);
    }
  }
}

/** The fewest entries that add up to a state. */
export function* entriesOf(model: LenderModel): Generator<LenderEntry> {
  const { begin, epoch, grants, leaving, base, owners } = model;
  if (begin !== undefined) yield { kind: 'begin', ...begin };
  if (epoch !== undefined) yield { kind: 'epoch', ...epoch };
  for (const grant of grants.values()) yield { kind: 'grant', grant };
  const text = (segment: number): string => JSON.stringify(base[segment]);
  const free = [...base.keys()].filter((segment) => owners[segment]!.length === 0);
  for (const run of runsOf(free, (before, segment) => text(before) === text(segment))) {
    const state = base[run.first]!;
    if (typeof state === 'string') yield { kind: 'segments', run, state };
    else yield { kind: 'segments', run, state: 'retained', region: state.retained };
  }
  for (const { grant, left } of leaving.values()) yield { kind: 'leaving', grant, left };
}

import type { FormatOptions } from '../native/types.js';
import { NPORTS_DEFAULT } from './constants.js';
import { featureBits } from './features.js';

/** What a profile puts into a passive block. Sizes in bytes; undefined: the caller must say. */
export interface Profile {
  readonly features: bigint;
  readonly nports: number;
  /** 0: the base of the pool BAR, which the reader puts in. */
  readonly windowBase: bigint;
  readonly windowSize: bigint | undefined;
  readonly remoteSize: bigint | undefined;
  readonly granule: bigint;
  readonly ntransceivers: number;
}

export type ProfileName = FormatOptions['profile'];

/** The addon formats by a table of its own (native/src); a test holds the two equal. */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  /** A pool BAR of stock QEMU as window: no translation, remote = START - WINDOW_BASE. */
  generic: {
    features: featureBits('transceivers', 'passive'),
    nports: NPORTS_DEFAULT,
    windowBase: 0n,
    windowSize: undefined,
    remoteSize: undefined,
    granule: 2n << 20n,
    ntransceivers: 4,
  },
  /** The Zynq UltraScale+ of D4.4: the PL's window, 256 MiB segments, translation. */
  zynq: {
    features: featureBits('translation', 'transceivers', 'passive'),
    nports: NPORTS_DEFAULT,
    windowBase: 0x4_0000_0000n,
    windowSize: 4n << 30n,
    remoteSize: 64n << 30n,
    granule: 256n << 20n,
    ntransceivers: 4,
  },
};

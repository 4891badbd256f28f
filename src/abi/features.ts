import { FEATURE } from './constants.js';

export type FeatureName = Lowercase<keyof typeof FEATURE>;

const NAMES = (Object.entries(FEATURE) as [keyof typeof FEATURE, number][]).map(
  ([name, bit]) => [name.toLowerCase() as FeatureName, 1n << BigInt(bit)] as const,
);
const MASKS = new Map(NAMES);

/** The mask of a feature in FEATURES. */
export function featureMask(name: FeatureName): bigint {
  return MASKS.get(name)!;
}

/** FEATURES with these features and no other. */
export function featureBits(...names: FeatureName[]): bigint {
  return names.reduce((bits, name) => bits | featureMask(name), 0n);
}

export function hasFeature(features: bigint, name: FeatureName): boolean {
  return (features & featureMask(name)) !== 0n;
}

/** Names of the features that are set, by bit; bits without a name are left out. */
export function featureNames(features: bigint): FeatureName[] {
  return NAMES.filter(([, mask]) => (features & mask) !== 0n).map(([name]) => name);
}

/** Whether a transceiver's bit of LINK_STATUS says that its link is up. */
export function isLinkUp(status: bigint, transceiver: number): boolean {
  return ((status >> BigInt(transceiver)) & 1n) === 1n;
}

/**
 * The transceiver that a memport goes through on the emulated route, OUT_ID mod NTRANSCEIVERS;
 * undefined where the block has no transceivers.
 */
export function transceiverOf(
  outId: bigint,
  block: { readonly features: bigint; readonly ntransceivers: number },
): number | undefined {
  if (!hasFeature(block.features, 'transceivers') || block.ntransceivers === 0) return undefined;
  return Number(outId % BigInt(block.ntransceivers));
}

/** The forms that values take in every request and answer. */
import { Type, type Static, type TObject, type TSchema } from 'typebox';
import { HEX_EXPECTED, HEX_PATTERN } from '../units.js';

/** No unknown property passes: a misspelt one must not be taken for its default. */
export const closed = { additionalProperties: false } as const;

/** An address, a size or another 64-bit value. Strings only: a JSON number loses bits above 2^53. */
export const Hex = (description: string) =>
  Type.String({ pattern: HEX_PATTERN, description, expected: HEX_EXPECTED });

/** How long something may take: up to an hour, so that none is waited for without end. */
export const Milliseconds = (description: string, initial?: number) =>
  Type.Integer({
    minimum: 1,
    maximum: 3_600_000,
    description,
    ...(initial === undefined ? {} : { default: initial }),
  });

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** The schema by its name in `components`, with the static type of the schema itself. */
export const ref = <T extends TSchema & { readonly $id: string }>(schema: T) =>
  Type.Unsafe<Static<T>>({ $ref: `${schema.$id}#` });

/** An object that has a name in `components`. */
export const named = <const N extends string, P extends Record<string, TSchema>>(
  $id: N,
  description: string,
  properties: P,
): TObject<P> & { readonly $id: N } =>
  Type.Object(properties, { ...closed, $id, description }) as TObject<P> & { readonly $id: N };

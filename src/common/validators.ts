import { Ajv, type Options, type ValidateFunction } from 'ajv';
import type { TSchema } from 'typebox';

/** For schemas of our own: checking them against JSON Schema's would take longer than compiling. */
export const OWN: Options = {
  meta: false,
  validateSchema: false,
  code: { optimize: false },
  strict: false,
  verbose: true,
};

/**
 * Validators by name, each made of its schema when it is first asked for. To be called by files that
 * are named `…-validator.ts` and export `SCHEMAS` and `OPTIONS`: in the bundle, what Ajv makes of
 * these stands in their place (scripts/bundle/validators.mjs), since making it takes a tenth of a
 * start.
 */
export function makeValidators<N extends string>(
  schemas: Readonly<Record<N, TSchema>>,
  options: Options,
): (name: N) => ValidateFunction {
  const made = new Map<TSchema, ValidateFunction>();
  let ajv: Ajv | undefined;
  return (name) => {
    const schema = schemas[name];
    let validate = made.get(schema);
    if (validate === undefined) {
      ajv ??= new Ajv(options);
      validate = ajv.compile(schema);
      made.set(schema, validate);
    }
    return validate;
  };
}

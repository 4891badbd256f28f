import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';

export type Compile = (schema: AnySchema) => ValidateFunction;

/** What makes validators of schemas. A module of its own, so that Ajv is only loaded when needed. */
export interface Compilers {
  /** Bodies are taken as they are: nothing coerced, nothing removed. */
  readonly exact: Compile;
  /** Path and query are text, so there a number or a boolean has to be read out of it. */
  readonly textual: Compile;
}

export function makeCompilers(): Compilers {
  // Our schemas need no checking against JSON Schema's own at every start; tests do that.
  const own = { meta: false, validateSchema: false, code: { optimize: false } } as const;
  const options = { ...own, strict: false, verbose: true, useDefaults: true } as const;
  const exact = new Ajv({ ...options, coerceTypes: false });
  const textual = new Ajv({ ...options, coerceTypes: true });
  return {
    exact: (schema) => exact.compile(schema),
    textual: (schema) => textual.compile(schema),
  };
}

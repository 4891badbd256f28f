import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';
import { OWN } from '../validators.js';

export type Compile = (schema: AnySchema) => ValidateFunction;

/** What makes validators of schemas. A module of its own, so that Ajv is only loaded when needed. */
export interface Compilers {
  /** Bodies are taken as they are: nothing coerced, nothing removed. */
  readonly exact: Compile;
  /** Path and query are text, so there a number or a boolean has to be read out of it. */
  readonly textual: Compile;
}

export function makeCompilers(): Compilers {
  const options = { ...OWN, useDefaults: true };
  const exact = new Ajv({ ...options, coerceTypes: false });
  const textual = new Ajv({ ...options, coerceTypes: true });
  return {
    exact: (schema) => exact.compile(schema),
    textual: (schema) => textual.compile(schema),
  };
}

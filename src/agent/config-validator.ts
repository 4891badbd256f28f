import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { ConfigFile } from './config-schema.js';

/** Checking our own schema against JSON Schema's would take most of the time of a start. */
const OWN = { meta: false, validateSchema: false, code: { optimize: false } } as const;
/** Also of the validator that is made at build time. */
export const OPTIONS = { ...OWN, strict: false, verbose: true, allErrors: true } as const;

let validate: ValidateFunction | undefined;

/**
 * What is wrong with a value by the schema of configurations. In the bundle the function that Ajv
 * makes of the schema stands in place of this file (scripts/bundle/config-validator.mjs): making it
 * anew would take a tenth of a start.
 */
export function schemaErrors(value: unknown): readonly ErrorObject[] {
  validate ??= new Ajv(OPTIONS).compile(ConfigFile);
  return validate(value) ? [] : (validate.errors ?? []);
}

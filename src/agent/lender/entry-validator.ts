import { makeValidators, OWN } from '../../common/validators.js';
import { ENTRY_SCHEMAS } from './entry-schema.js';

export const OPTIONS = { ...OWN, strictNumbers: true };
export const SCHEMAS = ENTRY_SCHEMAS;

/** Checks an entry of a kind. */
export const validatorOf = makeValidators(SCHEMAS, OPTIONS);

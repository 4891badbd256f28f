import { makeValidators, OWN } from '../../common/validators.js';
import { LenderConfigFile } from './config-schema.js';

export const OPTIONS = { ...OWN, allErrors: true };
export const SCHEMAS = { config: LenderConfigFile };

/** Checks a value as a configuration. */
export const validatorOf = makeValidators(SCHEMAS, OPTIONS);

import { makeValidators, OWN } from '../common/validators.js';
import { ConfigFile } from './config-schema.js';

export const OPTIONS = { ...OWN };
export const SCHEMAS = { config: ConfigFile };

/** Checks a value as the configuration of a tray. */
export const validatorOf = makeValidators(SCHEMAS, OPTIONS);

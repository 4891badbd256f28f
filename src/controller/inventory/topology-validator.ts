import { makeValidators, OWN } from '../../common/validators.js';
import {
  AcceleratorBrick,
  ComputeBrick,
  Link,
  MemoryBrick,
  TopologySkeleton,
  TrayRegistration,
} from './topology-schema.js';

// The first fault ends it: of a text from strangers there may be millions.
export const OPTIONS = OWN;
export const SCHEMAS = {
  topology: TopologySkeleton,
  compute: ComputeBrick,
  memory: MemoryBrick,
  accelerator: AcceleratorBrick,
  link: Link,
  registration: TrayRegistration,
};

export const validatorOf = makeValidators(SCHEMAS, OPTIONS);

import type { Suite } from '../harness/types.js';
import { allocateRest } from './allocate-rest.js';
import { attach } from './attach.js';
import { attachRack } from './attach-rack.js';
import { bulk } from './bulk.js';
import { hotplug } from './hotplug.js';
import { memport } from './memport.js';
import { qemu } from './qemu.js';
import { reservation } from './reservation.js';
import { rest } from './rest.js';
import { restart } from './restart.js';
import { startup } from './startup.js';

/** All suites, in the order in which they run. */
export const SUITES: readonly Suite[] = [
  memport,
  bulk,
  attach,
  attachRack,
  hotplug,
  qemu,
  startup,
  rest,
  allocateRest,
  reservation,
  restart,
];

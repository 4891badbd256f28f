export { brickCommand } from './brick.js';
export { eventsCommand } from './events.js';
export { memoryCommand } from './memory.js';
export { explainCommand, planCommand } from './plan.js';
export { platformCommand } from './platform.js';
export { backupCommand, driftCommand, leaseCommand, totalsCommand } from './state.js';
export { switchCommand, trayCommand } from './switch.js';
export { topCommand } from './top.js';

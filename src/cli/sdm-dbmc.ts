import { dbmcProgram } from './dbmc-program.js';
import { runCli } from './run.js';

await runCli(dbmcProgram(), process.argv);

import { controllerProgram } from './controller-program.js';
import { runCli } from './run.js';

await runCli(controllerProgram(), process.argv);

import { sdmProgram } from './program.js';
import { runCli } from './run.js';

await runCli(await sdmProgram(process.argv[2]), process.argv);

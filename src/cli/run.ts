import { CommanderError, type Command } from 'commander';
import { SdmError } from '../common/errors.js';

const FAILED = 1;
const USAGE = 2;
const CANCELLED = 130;

/**
 * Parses the command line, runs the command and turns whatever it throws into one line on stderr
 * and an exit code: 1 failed, 2 wrong usage, 130 cancelled. A command may set another one itself.
 */
export async function runCli(program: Command, argv: readonly string[]): Promise<void> {
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  takeOver(program, program.name());
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = report(program.name(), error);
  }
}

/** Lets commander throw rather than exit, and complain in our form. Not inherited by subcommands. */
function takeOver(command: Command, name: string): void {
  command.exitOverride();
  command.configureOutput({
    outputError: (text, write) => write(`${name}: SDM_USAGE: ${text.replace(/^error: /, '')}`),
  });
  for (const child of command.commands) takeOver(child, name);
}

function report(name: string, error: unknown): number {
  // Commander has said it already: a message of its own, help, or the version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (!(error instanceof SdmError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${name}: SDM_INTERNAL: ${text}\n`);
    return FAILED;
  }
  // What is given to a command is given on its command line.
  const code = error.code === 'SDM_INPUT' ? 'SDM_USAGE' : error.code;
  process.stderr.write(`${name}: ${code}: ${error.message}\n`);
  const log = error.details?.['log'];
  if (Array.isArray(log)) {
    for (const line of log) process.stderr.write(`    ${String(line)}\n`);
  }
  if (code === 'SDM_CANCELLED') return CANCELLED;
  return code === 'SDM_USAGE' ? USAGE : FAILED;
}

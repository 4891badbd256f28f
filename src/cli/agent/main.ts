import { Command, CommanderError } from 'commander';
import { closest } from '../../common/closest.js';
import { SdmError } from '../../common/errors.js';
import { packageVersion } from '../../common/version.js';
import { attachmentCommands } from './attachments.js';
import { configCommands } from './config.js';
import { eventCommands } from './events.js';
import { doctorCommand } from './doctor.js';
import { journalCommands } from './journal.js';
import { lenderCommands } from './lender.js';
import { memoryCommands } from './memory.js';
import { memportCommands } from './memports.js';
import { print, printJson } from './output.js';
import { probeCommands } from './probe.js';
import { programCommand } from './program.js';
import { registersCommands } from './registers.js';
import { serveCommand } from './serve.js';
import { serviceCommands } from './service.js';
import { transceiverCommands } from './transceivers.js';

/** Exit codes; probe has its own. */
export const EXIT = { OK: 0, FAILED: 1, USAGE: 2, UNREACHABLE: 3, CANCELLED: 130 } as const;

const CODES = `
Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 no agent answers; 130 cancelled.
(probe: 0 usable, 1 in part, 2 not; serve: 0 stopped as asked; journal show: 1 damaged.)
Errors are one line, "sdm-agent: CODE: message"; with --json also an object on stdout.`;

/**
 * What adds commands, and their names: of a command line that begins with one only that is made. With
 * any other beginning, and for help, it is all of them.
 */
const GROUPS: readonly (readonly [(program: Command) => void, ...string[]])[] = [
  [serveCommand, 'serve'],
  [probeCommands, 'probe'],
  [doctorCommand, 'doctor'],
  [attachmentCommands, 'attach', 'detach', 'list'],
  [programCommand, 'program'],
  [memportCommands, 'memport'],
  [transceiverCommands, 'transceiver'],
  [eventCommands, 'events'],
  [memoryCommands, 'memory'],
  [lenderCommands, 'lender'],
  [registersCommands, 'registers'],
  [journalCommands, 'journal'],
  [configCommands, 'config'],
  [serviceCommands, 'service'],
];

/** Runs a command line and sets process.exitCode. Never rejects. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = agentProgram(argv[0]);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    process.exitCode = report(withGuess(error, program, argv), argv.includes('--json'));
  }
}

/** The command `sdm-agent`. @param name its first word; undefined: with all commands. */
export function agentProgram(name?: string): Command {
  const program = new Command('sdm-agent')
    .description('the agent of one brick, and its commands')
    .option('-V, --version', 'print the version')
    .on('option:version', printVersion)
    .exitOverride()
    .configureOutput({ outputError: () => {} }) // report() says it
    .showSuggestionAfterError(false)
    .addHelpText('after', CODES);
  const named = GROUPS.filter(([, ...names]) => names.includes(name ?? ''));
  for (const [add] of named.length > 0 ? named : GROUPS) add(program);
  return program;
}

/** Read only when it is asked for. */
function printVersion(): void {
  print(packageVersion());
  throw new CommanderError(EXIT.OK, 'commander.version', '');
}

/** Of an option that is misspelt commander says that the right one is missing, if it must be there. */
function withGuess(error: unknown, program: Command, argv: readonly string[]): unknown {
  const about = ['commander.missingMandatoryOptionValue', 'commander.unknownOption'];
  if (!(error instanceof CommanderError) || !about.includes(error.code)) return error;
  let command = program;
  let rest = argv;
  for (;;) {
    const next = command.commands.find((each) => each.name() === rest[0]);
    if (next === undefined) break;
    command = next;
    rest = rest.slice(1);
  }
  const [unknown] = command.parseOptions([...rest]).unknown;
  const name = unknown?.replace(/=.*/s, '');
  if (name?.startsWith('-') !== true) return error;
  const known = command.options.flatMap(({ long }) => long ?? []);
  const meant = closest(name, known);
  const guess = meant === undefined ? '' : ` (is "${meant}" meant?)`;
  return new CommanderError(
    EXIT.USAGE,
    'commander.unknownOption',
    `error: unknown option '${name}'${guess}`,
  );
}

function report(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) {
    const fine = ['commander.helpDisplayed', 'commander.version'];
    if (fine.includes(error.code)) return EXIT.OK;
    // Where no command was given, commander has written the help.
    const helped = error.code === 'commander.help';
    const message = helped
      ? 'a command is missing; --help lists them'
      : error.message.replace(/^error: /, '');
    if (!helped) process.stderr.write(line('SDM_USAGE', message));
    if (json) printJson({ code: 'SDM_USAGE', message });
    return EXIT.USAGE;
  }
  const { code, message } = error as { code?: unknown; message?: unknown };
  const known = typeof code === 'string' && code.startsWith('SDM_') ? code : 'SDM_INTERNAL';
  const text = typeof message === 'string' ? message : String(error);
  process.stderr.write(line(known, text));
  if (
    known === 'SDM_INTERNAL' &&
    error instanceof Error &&
    process.env['SDM_DEBUG'] !== undefined
  ) {
    process.stderr.write(`${error.stack}\n`);
  }
  if (json) {
    const details = error instanceof SdmError ? error.details : undefined;
    printJson(
      details === undefined
        ? { code: known, message: text }
        : { code: known, message: text, details },
    );
  }
  if (known === 'SDM_USAGE') return EXIT.USAGE;
  if (known === 'SDM_CANCELLED') return EXIT.CANCELLED;
  return known === 'SDM_UNREACHABLE' ? EXIT.UNREACHABLE : EXIT.FAILED;
}

/** One line whatever the message holds: programs read stderr by line. */
function line(code: string, text: string): string {
  return `sdm-agent: ${code}: ${text.trim().replaceAll(/\s*\n\s*/g, '; ')}\n`;
}

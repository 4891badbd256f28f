/**
 * Makes man/*.1 of the commands themselves: node dist/src/cli/man.js [DIRECTORY]. They are kept in the
 * repository, and test/cli/man.test.ts holds them equal.
 */
import type { EventEmitter } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Option } from 'commander';
import { projectDir } from '../common/paths.js';
import { packageVersion } from '../common/version.js';
import { nodesOf, treeOf, type CommandNode } from './completion/tree.js';
import { PROGRAMS } from './programs.js';

const NAMES = Object.keys(PROGRAMS);

/** The page of one of our commands, as roff. */
export async function manPage(name: string): Promise<string> {
  const root = treeOf(await PROGRAMS[name]!());
  const all = [...nodesOf(root)];
  const about = sentence(root.command.description());
  return [
    `.\\" Made by src/cli/man.ts of the command itself: do not edit.`,
    `.TH ${name.toUpperCase()} 1 "" "sdm ${packageVersion()}" "Software-defined memory"`,
    '.SH NAME',
    `${name} \\- ${escape(about.charAt(0).toLowerCase() + about.slice(1))}`,
    '.SH SYNOPSIS',
    ...synopsis(root),
    '.SH DESCRIPTION',
    `${escape(about)}.`,
    '.SH OPTIONS',
    ...optionsText(root),
    '.SH COMMANDS',
    ...all.filter((node) => node !== root).flatMap(commandText),
    ...after(root),
    ...environment(all),
    '.SH SEE ALSO',
    NAMES.filter((each) => each !== name)
      .map((each) => `.BR ${escape(each)} (1)`)
      .join(',\n'),
  ]
    .join('\n')
    .concat('\n');
}

function synopsis(root: CommandNode): string[] {
  return [`.B ${escape(root.path[0]!)}`, `.I command`, '[options]'];
}

/** A command with its arguments and options; one that only has commands below is a heading. */
function commandText(node: CommandNode): string[] {
  const { path, command, children } = node;
  const usage = node.arguments.map((argument) => {
    const dots = argument.variadic ? '...' : '';
    return argument.required ? `<${argument.name()}${dots}>` : `[${argument.name()}${dots}]`;
  });
  const title = [...path, ...(children.length > 0 ? ['command'] : []), ...usage].join(' ');
  return [
    `.SS ${escape(title)}`,
    `${escape(capital(sentence(command.description())))}.`,
    ...node.arguments
      .filter((argument) => argument.description !== '')
      .flatMap((argument) => [
        '.TP',
        `.I ${escape(argument.name())}`,
        escape(withDefault(argument.description, argument.defaultValue, argument.argChoices)),
      ]),
    ...optionsText(node),
    ...after(node),
  ];
}

function optionsText({ options }: CommandNode): string[] {
  return options
    .filter((option) => option.long !== '--help')
    .flatMap((option) => ['.TP', `.B ${escape(option.flags)}`, escape(optionText(option))]);
}

function optionText(option: Option): string {
  const { description, defaultValue, defaultValueDescription, argChoices, envVar } = option;
  const from = envVar === undefined ? '' : ` (environment: ${envVar})`;
  const usual =
    option.required || option.optional ? (defaultValueDescription ?? defaultValue) : undefined;
  return `${withDefault(description, usual, argChoices)}${from}`;
}

function withDefault(text: string, usual: unknown, choices: readonly string[] | undefined): string {
  const of = choices === undefined ? '' : ` (one of: ${choices.join(', ')})`;
  const value = typeof usual === 'string' ? usual : JSON.stringify(usual);
  return `${text}${of}${usual === undefined ? '' : ` (default: ${value})`}`;
}

/** What a command's help says below its options: examples line by line, prose as it is. */
function after({ command }: CommandNode): string[] {
  let text = '';
  const write = (part: string): void => void (text += part);
  // its types do not say that it is one
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write });
  // where this runs decides what the command is called for hints
  const lines = text
    .trim()
    .replaceAll(/\bnpx sdm\b/g, 'sdm')
    .split('\n');
  if (lines.length === 1 && lines[0] === '') return [];
  return ['.PP', '.nf', ...lines.map((line) => escape(line) || '.sp'), '.fi'];
}

function environment(nodes: readonly CommandNode[]): string[] {
  const variables = new Map<string, string>();
  for (const { options } of nodes) {
    for (const { envVar, long } of options) {
      if (envVar !== undefined && !variables.has(envVar)) variables.set(envVar, long ?? '');
    }
  }
  if (variables.size === 0) return [];
  const each = [...variables].flatMap(([name, long]) => [
    '.TP',
    `.B ${escape(name)}`,
    `in the place of ${escape(long)}`,
  ]);
  return ['.SH ENVIRONMENT', ...each];
}

const sentence = (text: string): string => text.trim().replace(/\.$/, '');
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** No line of text is taken for a request, and every hyphen can be copied. */
function escape(text: string): string {
  return text
    .replaceAll(`${projectDir()}/bin/`, '') // where this copy happens to be
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll('…', '...')
    .replace(/^(?=[.'])/gm, '\\&');
}

async function main(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  for (const name of NAMES) writeFileSync(join(directory, `${name}.1`), await manPage(name));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(process.argv[2] ?? join(import.meta.dirname, '../../../man'));
}

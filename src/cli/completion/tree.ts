import type { Argument, Command, Option } from 'commander';

/** A command as completion and man pages need it. */
export interface CommandNode {
  /** From the program on: ["sdm", "platform", "create"]. */
  readonly path: readonly string[];
  readonly command: Command;
  readonly options: readonly Option[];
  readonly arguments: readonly Argument[];
  readonly children: readonly CommandNode[];
}

/** All that is not hidden, `help` left out. */
export function treeOf(command: Command, above: readonly string[] = []): CommandNode {
  const path = [...above, command.name()];
  const help = command.createHelp();
  return {
    path,
    command,
    options: help.visibleOptions(command),
    arguments: command.registeredArguments,
    children: help
      .visibleCommands(command)
      .filter((child) => child.name() !== 'help')
      .map((child) => treeOf(child, path)),
  };
}

/** A node and all that is below it. */
export function* nodesOf(node: CommandNode): Generator<CommandNode> {
  yield node;
  for (const child of node.children) yield* nodesOf(child);
}

/** Its flags, such as ["-o", "--output"]. */
export const flagsOf = (option: Option): string[] =>
  [option.short, option.long].filter((flag) => flag !== undefined && flag !== null) as string[];

/** Whether a word follows it. */
export const takesValue = (option: Option): boolean => option.required || option.optional;

/** What a word stands for, by how it is called. */
export function kindOf(name: string): 'file' | 'dir' | 'other' {
  if (/\b(dir|directory)\b/i.test(name)) return 'dir';
  return /\b(file|path|config|socket)\b/i.test(name) ? 'file' : 'other';
}

/** The name of an option's value, such as "file" of "-o, --output <file>". */
export const valueName = (option: Option): string => /[<[]([^>\].]+)/.exec(option.flags)?.[1] ?? '';

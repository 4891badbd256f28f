import type { Option } from 'commander';
import { flagsOf, kindOf, nodesOf, takesValue, valueName, type CommandNode } from './tree.js';

/** A completion script for zsh, of a command's tree: a function a command. */
export function zshCompletion(root: CommandNode): string {
  const name = root.path[0]!;
  const functions = [...nodesOf(root)].map(nodeFunction).join('\n');
  return `#compdef ${name}
# zsh completion of ${name}; made by: sdm completion zsh
${functions}
if [[ "\$funcstack[1]" == "_${name}" ]]; then
  ${functionName(root)} "\$@"
else
  compdef ${functionName(root)} ${name}
fi
`;
}

const functionName = ({ path }: CommandNode): string =>
  `_sdm_${path.join('_').replaceAll(/[^A-Za-z0-9_]/g, '_')}`;

function nodeFunction(node: CommandNode): string {
  const specs = node.options.map(optionSpec);
  if (node.children.length === 0) return leaf(node, specs);
  const each = node.children.map(
    (child) => `    ${quote(`${child.path.at(-1)}:${plain(child.command.description())}`)}`,
  );
  const calls = node.children.map(
    (child) => `        ${quote(child.path.at(-1)!)}) ${functionName(child)} ;;`,
  );
  return `${functionName(node)}() {
  local line state
  local -a commands=(
${each.join('\n')}
  )
  _arguments -C ${[...specs, "'1: :->command'", "'*:: :->rest'"].join(' \\\n    ')}
  case "\$state" in
    command) _describe command commands ;;
    rest)
      case "\$line[1]" in
${calls.join('\n')}
      esac ;;
  esac
}
`;
}

function leaf(node: CommandNode, specs: readonly string[]): string {
  const rest = node.arguments.map((argument, i) => {
    const choices = argument.argChoices;
    const action = choices === undefined ? actionOf(argument.name()) : `(${choices.join(' ')})`;
    const place = argument.variadic ? '*' : String(i + 1);
    return quote(`${place}:${message(argument.name())}:${action}`);
  });
  const all = [...specs, ...rest];
  return `${functionName(node)}() {
  _arguments ${all.length === 0 ? "':'" : all.join(' \\\n    ')}
}
`;
}

/** Such as '(-o --output)'{-o,--output}'[where to]:file:_files'. */
function optionSpec(option: Option): string {
  const flags = flagsOf(option);
  const text = plain(option.description).replaceAll('[', '(').replaceAll(']', ')');
  const choices = option.argChoices;
  const action = choices === undefined ? actionOf(valueName(option)) : `(${choices.join(' ')})`;
  const value = takesValue(option) ? `:${message(valueName(option))}:${action}` : '';
  const rest = quote(`[${text}]${value}`);
  // the value may stand in the same word, too
  const own = flags.map((flag) => {
    if (!takesValue(option)) return flag;
    return flag.startsWith('--') ? `${flag}=` : `${flag}+`;
  });
  if (own.length === 1) return `${own[0]!}${rest}`;
  return `${quote(`(${flags.join(' ')})`)}{${own.join(',')}}${rest}`;
}

const actionOf = (name: string): string =>
  ({ file: '_files', dir: '_files -/', other: ' ' })[kindOf(name)];

/** No line breaks, and no colons: they end a part of a spec. */
const plain = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll(':', '\\:');
const message = (text: string): string => plain(text) || 'value';

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

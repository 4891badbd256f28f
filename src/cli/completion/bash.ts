import { flagsOf, kindOf, nodesOf, takesValue, valueName, type CommandNode } from './tree.js';

/**
 * A completion script for bash, of a command's tree. Every command and option is in it, so that
 * nothing is run while somebody types. bash-completion is not needed.
 */
export function bashCompletion(root: CommandNode): string {
  const name = root.path[0]!;
  const fn = `_${name.replaceAll('-', '_')}`;
  const cases = [...nodesOf(root)].map(nodeCase).join('');
  return `# bash completion of ${name}; made by: sdm completion bash
${fn}_tree() {
  # for the command \$1, such as "platform create": its words, its flags, those that a value follows,
  # and what its arguments are
  words= flags= valued= argument=other
  case "\$1" in
${cases}  esac
}

# what may follow the flag \$2 of the command \$1
${fn}_values() {
  case "\$1 \$2" in
${[...nodesOf(root)].map(valueCases).join('')}    *) echo other ;;
  esac
}

${fn}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path= words flags valued argument flag= word i
  COMPREPLY=()
  ${fn}_tree ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n \$flag ]]; then
      # bash splits at "="
      [[ \$word == '=' ]] || flag=
      continue
    fi
    [[ \$word == -- ]] && { flags= words=; continue; }
    if [[ " \$valued " == *" \$word "* ]]; then
      flag=\$word
    elif [[ " \$words " == *" \$word "* ]]; then
      path=\${path:+\$path }\$word
      ${fn}_tree "\$path"
    fi
  done
  local IFS=\$'\\n'
  if [[ -n \$flag ]]; then
    [[ \$cur == '=' ]] && cur=
    local values
    values=\$(${fn}_values "\$path" "\$flag")
    case "\$values" in
      file) COMPREPLY=(\$(compgen -f -- "\$cur")); compopt -o filenames 2>/dev/null ;;
      dir) COMPREPLY=(\$(compgen -d -- "\$cur")); compopt -o filenames 2>/dev/null ;;
      other) ;;
      *) COMPREPLY=(\$(compgen -W "\${values// /\$'\\n'}" -- "\$cur")) ;;
    esac
  elif [[ \$cur == -* ]]; then
    COMPREPLY=(\$(compgen -W "\${flags// /\$'\\n'}" -- "\$cur"))
  elif [[ -n \$words ]]; then
    COMPREPLY=(\$(compgen -W "\${words// /\$'\\n'}" -- "\$cur"))
  elif [[ \$argument == file ]]; then
    COMPREPLY=(\$(compgen -f -- "\$cur")); compopt -o filenames 2>/dev/null
  elif [[ \$argument == dir ]]; then
    COMPREPLY=(\$(compgen -d -- "\$cur")); compopt -o filenames 2>/dev/null
  fi
}
complete -F ${fn} ${name}
`;
}

const keyOf = ({ path }: CommandNode): string => path.slice(1).join(' ');

function nodeCase(node: CommandNode): string {
  const words = node.children.map(({ path }) => path.at(-1)!);
  const choices = node.arguments[0]?.argChoices ?? [];
  const flags = node.options.flatMap(flagsOf);
  const valued = node.options.filter(takesValue).flatMap(flagsOf);
  const kind = kindOf(node.arguments[0]?.name() ?? '');
  return (
    `    ${quote(keyOf(node))}) words=${quote([...words, ...choices].join(' '))} ` +
    `flags=${quote(flags.join(' '))} valued=${quote(valued.join(' '))} argument=${kind} ;;\n`
  );
}

function valueCases(node: CommandNode): string {
  return node.options
    .filter(takesValue)
    .map((option) => {
      const values = option.argChoices?.join(' ') ?? kindOf(valueName(option));
      const patterns = flagsOf(option).map((flag) => quote(`${keyOf(node)} ${flag}`));
      return values === 'other' ? '' : `    ${patterns.join(' | ')}) echo ${quote(values)} ;;\n`;
    })
    .join('');
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

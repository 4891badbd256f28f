import { Argument, Command } from 'commander';
import { sdmCommand } from '../../common/called.js';
import { print } from '../agent/output.js';

const NAMES = ['sdm', 'sdm-agent', 'sdm-controller', 'sdm-dbmc'] as const;

/** `sdm completion`: what a shell needs to complete our commands. */
export function completionCommand(): Command {
  return new Command('completion')
    .description('print a script that lets a shell complete commands and options')
    .addArgument(new Argument('<shell>', 'of which shell').choices(['bash', 'zsh']))
    .addArgument(new Argument('[command]', 'of which command; default: all').choices(NAMES))
    .addHelpText(
      'after',
      `
For bash, in ~/.bashrc, or as files for everybody:
  source <(${sdmCommand()} completion bash)
  ${sdmCommand()} completion bash > /etc/bash_completion.d/sdm
For zsh, in ~/.zshrc after compinit, or a file for each command in a directory of $fpath:
  source <(${sdmCommand()} completion zsh)
  ${sdmCommand()} completion zsh sdm > ~/.zfunc/_sdm`,
    )
    .action(async (shell: 'bash' | 'zsh', name: string | undefined) => {
      const { PROGRAMS } = await import('../programs.js');
      const { treeOf } = await import('./tree.js');
      const { bashCompletion } = await import('./bash.js');
      const { zshCompletion } = await import('./zsh.js');
      const make = shell === 'bash' ? bashCompletion : zshCompletion;
      for (const each of name === undefined ? NAMES : [name]) {
        print(make(treeOf(await PROGRAMS[each]!())));
      }
    });
}

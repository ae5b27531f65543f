import { basename } from 'node:path';
import type { Command } from 'commander';
import { envVar } from '../env.ts';
import { OsmithError } from '../errors.ts';
import {
  bashScript,
  fishScript,
  zshScript,
  type CommandSpec,
  type OptionSpec,
} from './completion-scripts.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

export function register(program: Command): void {
  program
    .command('completion')
    .description('print a script that completes commands and options')
    .argument('[shell]', Object.keys(SCRIPTS).join(', '), basename(envVar('SHELL') ?? 'bash'))
    .addHelpText('after', '\nFor bash: eval "$(osmith completion bash)"')
    .action((shell: string) => {
      if (!isKnown(shell)) {
        throw new OsmithError('E_USAGE', `There is no completion for ${shell}`, {
          hint: `Known shells: ${Object.keys(SCRIPTS).join(', ')}`,
        });
      }
      process.stdout.write(SCRIPTS[shell](describe(program)));
    });
}

function isKnown(shell: string): shell is keyof typeof SCRIPTS {
  return Object.hasOwn(SCRIPTS, shell);
}

/** The command tree as plain data. */
function describe(command: Command): CommandSpec {
  const visible = command.createHelp();
  const options = visible.visibleOptions(command).map((option): OptionSpec => ({
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    description: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  }));
  const commands = command.commands.map(describe);
  return { name: command.name(), description: command.description(), options, commands };
}

/** Completion scripts as pure functions of the command tree. */

export interface OptionSpec {
  flags: string[];
  description: string;
  takesValue: boolean;
  choices: string[];
}

export interface CommandSpec {
  name: string;
  description: string;
  options: OptionSpec[];
  commands: CommandSpec[];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What can follow a command, as words. Options of the program stand before or after any command. */
function words(program: CommandSpec, command: CommandSpec | undefined): string {
  const options = [...program.options, ...(command?.options ?? [])].flatMap(({ flags }) => flags);
  return [...(command ?? program).commands.map(({ name }) => name), ...new Set(options)].join(' ');
}

/** Choices of options with a fixed set of values; file names for the others that take a value. */
function bashValues(program: CommandSpec): string {
  const all = [program, ...program.commands].flatMap(({ options }) => options).filter((o) => o.takesValue);
  const cases = new Map(
    all.map(({ flags, choices }) => [
      flags.join('|'),
      choices.length > 0
        ? `COMPREPLY=($(compgen -W ${quote(choices.join(' '))} -- "$cur"))`
        : 'compopt -o default',
    ]),
  );
  return [...cases].map(([flags, action]) => `    ${flags}) ${action}; return ;;`).join('\n');
}

export function bashScript(program: CommandSpec): string {
  const names = program.commands.map(({ name }) => name);
  const cases = program.commands.map(
    (command) => `    ${command.name}) words=${quote(words(program, command))} ;;`,
  );
  return `# Completion of ${program.name} for bash: eval "$(${program.name} completion bash)"
_${program.name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} word words command=
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
    case $word in ${names.join('|')}) command=$word; break ;; esac
  done
  case $prev in
${bashValues(program)}
  esac
  case $command in
${cases.join('\n')}
    *) words=${quote(words(program, undefined))} ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _${program.name} ${program.name}
`;
}

export function zshScript(program: CommandSpec): string {
  const spec = ({ flags, description, takesValue, choices }: OptionSpec): string[] => {
    const text = description.replaceAll(/[[\]:]/g, '\\$&');
    const value = choices.length > 0 ? `:value:(${choices.join(' ')})` : takesValue ? ':value:_files' : '';
    return flags.map((flag) => `    ${quote(`${flag}[${text}]${value}`)} \\`);
  };
  const globals = program.options.flatMap(spec);
  const cases = program.commands.map((command) =>
    [
      `    (${command.name}) _arguments \\`,
      ...command.options.flatMap(spec),
      ...globals,
      `    '*:file:_files' ;;`,
    ].join('\n'),
  );
  const names = program.commands.map(
    ({ name, description }) => `    ${quote(`${name}:${description.replaceAll(':', '\\:')}`)}`,
  );
  return `#compdef ${program.name}
# Completion of ${program.name} for zsh: source <(${program.name} completion zsh)
_${program.name}() {
  local -a commands=(
${names.join('\n')}
  )
  local curcontext=$curcontext state line
  _arguments -C \\
${globals.join('\n')}
    '1:command:->command' '*::argument:->argument' && return
  case $state in
  (command) _describe command commands ;;
  (argument) case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}
compdef _${program.name} ${program.name}
`;
}

export function fishScript(program: CommandSpec): string {
  const line = (condition: string, { flags, description, takesValue, choices }: OptionSpec): string => {
    const names = flags.map((flag) =>
      flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
    );
    const value = choices.length > 0 ? ` -xa ${quote(choices.join(' '))}` : takesValue ? ' -r' : '';
    return `complete -c ${program.name}${condition} ${names.join(' ')}${value} -d ${quote(description)}`;
  };
  return [
    `# Completion of ${program.name} for fish: ${program.name} completion fish | source`,
    `complete -c ${program.name} -n __fish_use_subcommand -f`,
    ...program.commands.map(
      ({ name, description }) =>
        `complete -c ${program.name} -n __fish_use_subcommand -a ${name} -d ${quote(description)}`,
    ),
    ...program.options.map((option) => line('', option)),
    ...program.commands.flatMap(({ name, options }) =>
      options.map((option) => line(` -n '__fish_seen_subcommand_from ${name}'`, option)),
    ),
    '',
  ].join('\n');
}

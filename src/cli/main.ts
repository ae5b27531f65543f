/** The command line: parses it, runs one command, reports what went wrong, and chooses the exit code. */
import './one-language.ts';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { isSystemError, OsmithError, toOsmithError } from '../errors.ts';
import { version } from '../version.ts';
import { addGlobalOptions } from './globals.ts';
import { interruption, listenForSignals } from './signals.ts';

/** One file each, in the order of the help. Each exports `register(program: Command): void`. */
const COMMANDS = [
  'build',
  'plan',
  'compose',
  'unpack',
  'pkg',
  'template',
  'lock',
  'show-config',
  'show-apps',
  'test',
  'vm',
  'release',
  'matrix',
  'schedule',
  'verify',
  'reproduce',
  'diff',
  'sources',
  'pattern',
  'jwt',
  'keys',
  'gc',
  'doctor',
  'completion',
];

interface CommandModule {
  register: (program: Command) => void;
}

function commandFile(name: string): string {
  return join(import.meta.dirname, `${name}.ts`);
}

function newProgram(): Command {
  const program = new Command('osmith')
    .description(
      'Builds operating systems from layered configuration, boots them and tests them. No root needed.',
    )
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({ outputError: () => {} }); // main reports it
  addGlobalOptions(program);
  return program;
}

/** Loads only the command that was asked for: start-up must not pay for the others. */
async function registerCommands(program: Command, argv: string[]): Promise<void> {
  const asked = program.parseOptions(argv).operands[0];
  const names =
    asked !== undefined && COMMANDS.includes(asked) && asked !== 'completion' ? [asked] : COMMANDS;
  const modules = await Promise.all(
    names.map(async (name) => (await import(commandFile(name))) as CommandModule),
  );
  for (const { register } of modules) register(program);
}

async function run(argv: string[]): Promise<void> {
  const program = newProgram();
  try {
    await registerCommands(program, argv);
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(error);
  }
}

/** Commander's complaint in our form: `error: unknown command 'x'\n(Did you mean …?)`. */
function usageError(error: CommanderError): OsmithError {
  const [first = '', ...rest] = error.message.split('\n');
  const message = error.code === 'commander.help' ? 'A command is missing' : first.replace(/^error: /, '');
  const suggestion = rest.join(' ').replace(/^\((.*)\)$/, '$1');
  return new OsmithError('E_USAGE', message[0]!.toUpperCase() + message.slice(1), {
    hint: suggestion || '`osmith --help` and `osmith COMMAND --help` show what can be given',
  });
}

/** Prints the error and returns its exit code. Everything a command throws ends here. */
async function reportFailure(thrown: unknown, argv: string[]): Promise<number> {
  const { errorAsJson, renderError } = await import('../report/error.ts');
  const { styleFor } = await import('../report/style.ts');
  // Once asked to stop, whatever then fails does so because of that.
  const error = interruption.aborted ? toOsmithError(interruption.reason) : toOsmithError(thrown);
  const debug = argv.includes('--debug');
  const text = argv.includes('--json')
    ? `${JSON.stringify({ error: errorAsJson(error, debug) })}\n`
    : renderError(error, { style: styleFor(process.stderr), debug });
  process.stderr.write(text);
  return error.exitCode;
}

/** Ends the process once everything printed has been taken. */
async function exit(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise((taken) => stream.write('', taken));
  }
  process.exit(code);
}

const argv = process.argv.slice(2);
let failed: Promise<never> | undefined;
// Who fails to write may hear of it twice: from the stream, and from what wrote.
const fail = (error: unknown) => void (failed ??= reportFailure(error, argv).then(exit));

listenForSignals();
process.on('uncaughtException', fail);
for (const stream of [process.stdout, process.stderr]) {
  // A reader that has seen enough, as in `osmith plan | head`, is no failure.
  stream.on('error', (error) => {
    if (!isSystemError(error) || error.code !== 'EPIPE') fail(error);
  });
}
await run(argv).then(() => exit(process.exitCode === undefined ? 0 : Number(process.exitCode)), fail);

/** `osmith pattern`: tests patterns, runs them here, sends them to machines, builds them into a signed token. */
import { Option, type Command } from 'commander';
import { OsmithError } from '../errors.ts';
import { type RunReport, runCommands, testCommands, type TestReport } from '../pattern/index.ts';
import { count, oneLine, type Style, styleFor } from '../report/style.ts';
import { globals } from './globals.ts';
import { addVerifyOptions } from './key-files.ts';
import { registerBuild } from './pattern-build.ts';
import { registerPush } from './pattern-push.ts';
import {
  addPatternOptions,
  loadPattern,
  type LoadedPattern,
  progress,
  runVariables,
  throwFailure,
} from './pattern-file.ts';
import { interruption } from './signals.ts';

interface RunFlags {
  build?: boolean;
  check?: boolean;
  remove?: boolean;
  previous?: string;
}

export function register(program: Command): void {
  const pattern = program
    .command('pattern')
    .description('test, run, push and build patterns: lists of commands that check, change and remove');
  registerTest(pattern);
  registerRun(pattern);
  registerBuild(pattern);
  registerPush(pattern);
}

function registerTest(pattern: Command): void {
  const command = pattern
    .command('test')
    .description('change, check, remove, check: does a pattern do what it says?');
  addVerifyOptions(addPatternOptions(command))
    .option('--build', 'test the build commands, not the run commands')
    .action(async (file: string, options: RunFlags) => {
      const loaded = await loadPattern(command, file);
      const report = await testCommands({ ...commandsOf(loaded, options), ...surroundings(command, loaded) });
      printTest(command, report);
    });
}

function registerRun(pattern: Command): void {
  const command = pattern
    .command('run')
    .description('run the commands of a pattern, or of a token, on this machine');
  addVerifyOptions(addPatternOptions(command))
    .option('--build', 'run the build commands, not the run commands')
    .addOption(new Option('--check', 'only look what would change').conflicts(['remove', 'previous']))
    .addOption(new Option('--remove', 'undo: remove commands, backwards').conflicts('previous'))
    .option('--previous <file>', 'pattern that ran before: what it has and this one has not is removed')
    .action(async (file: string, options: RunFlags) => run(command, file, options));
}

function commandsOf({ pattern }: LoadedPattern, { build }: RunFlags) {
  const exec = build === true ? pattern.buildExec : pattern.runExec;
  return { commands: build === true ? pattern.build : pattern.run, exec: exec === undefined ? [] : [exec] };
}

function surroundings(command: Command, loaded: LoadedPattern) {
  return { env: runVariables(loaded), signal: interruption, emit: progress(command) };
}

async function run(command: Command, file: string, options: RunFlags): Promise<void> {
  const loaded = await loadPattern(command, file);
  const previous = options.previous === undefined ? undefined : await loadPattern(command, options.previous);
  const mode = options.check === true ? 'check' : options.remove === true ? 'remove' : 'change';
  const report = await runCommands({
    ...commandsOf(loaded, options),
    ...surroundings(command, loaded),
    mode,
    previous: previous && commandsOf(previous, options),
  });
  interruption.throwIfAborted();
  if (globals(command).json)
    process.stdout.write(`${JSON.stringify({ type: 'pattern', mode, ...report })}\n`);
  else
    process.stdout.write(
      summary(report, mode === 'check' ? 'would change' : 'changed', styleFor(process.stdout)),
    );
  throwFailure(report);
  if (report.exit !== undefined) process.exitCode = report.exit;
}

/** One line for each command that did something. */
function summary({ changed, removed, events }: RunReport, verb: string, style: Style): string {
  const printed = events.filter(({ name }) => name === 'stdout').map(({ value }) => `${value}\n`);
  const lines = [
    ...removed.map((id) => `${style('red', 'removed')}  ${oneLine(id)}\n`),
    ...changed.map((id) => `${style('green', verb)}  ${oneLine(id)}\n`),
  ];
  return [...printed, ...(lines.length > 0 ? lines : ['nothing to do\n'])].join('');
}

const PHASES = ['change', 'check', 'remove', 'check again'];

function printTest(command: Command, report: TestReport): void {
  interruption.throwIfAborted();
  const style = styleFor(process.stdout);
  if (globals(command).json) process.stdout.write(`${JSON.stringify({ type: 'pattern-test', ...report })}\n`);
  else {
    const ran = report.phases.map((_phase, index) => PHASES[index]).join(', ');
    const lines = report.problems.map(
      ({ id, message }) => `${style('red', 'failed')}  ${oneLine(id)}: ${message}\n`,
    );
    process.stdout.write(
      [
        ...lines,
        `${ran}: ${report.ok ? style('green', 'all well') : count(report.problems.length, 'problem')}\n`,
      ].join(''),
    );
  }
  if (report.ok) return;
  const failed = report.phases.find((phase) => phase.report.failed !== undefined)?.report.failed;
  throw new OsmithError(
    'E_TEST',
    `The pattern does not pass its test: ${count(report.problems.length, 'problem')}`,
    {
      tail: failed?.tail,
      hint: 'A check must fail before the change, pass after it, and fail again after the removal',
    },
  );
}

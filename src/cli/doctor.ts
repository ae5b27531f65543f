import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { EXIT } from '../errors.ts';
import { styleFor, type Style } from '../report/style.ts';
import { checkHost, lacking, type HostCheck } from '../run/host.ts';
import { globals } from './globals.ts';
import { interruption } from './signals.ts';

interface Options {
  fix?: boolean;
  quiet?: boolean;
}

export function register(program: Command): void {
  program
    .command('doctor')
    .description('check what this host lacks, and say how to mend it')
    .option('--fix', 'run the commands that mend what is missing, as root or with sudo')
    .option('--quiet', 'print nothing if nothing is missing')
    .action(async (options: Options, command: Command) => {
      const { json } = globals(command);
      let checks = await checkHost();
      if (options.fix && lacking(checks).length > 0) {
        if (await runFixes(fixes(checks, userInfo().uid === 0))) checks = await checkHost();
      }
      const ok = lacking(checks).length === 0;
      if (!ok) process.exitCode = EXIT.usage;
      if (ok && options.quiet) return;
      process.stdout.write(json ? asJson(checks, ok) : text(checks, styleFor(process.stdout)));
    });
}

/** The commands that mend what is missing, each once, in order. */
export function fixes(checks: HostCheck[], root: boolean): string[] {
  const commands = lacking(checks).flatMap((check) => check.commands);
  return [...new Set(commands)].map((command) => (root ? command.replaceAll(/\bsudo /g, '') : command));
}

/** Runs them, each announced; stops at the first that fails. Whether any was run. */
async function runFixes(commands: string[]): Promise<boolean> {
  const { execa } = await import('execa');
  for (const command of commands) {
    process.stderr.write(`+ ${command}\n`);
    // The commands are our own, and meant to be pasted into a shell. Their output is not the result of this command.
    const { failed } = await execa('sh', ['-c', command], {
      stdio: ['inherit', process.stderr, process.stderr],
      reject: false,
      cancelSignal: interruption,
    });
    interruption.throwIfAborted();
    if (failed) break;
  }
  return commands.length > 0;
}

function asJson(checks: HostCheck[], ok: boolean): string {
  return `${JSON.stringify({ ok, checks }, undefined, 2)}\n`;
}

/** One line for what is fine, more for what is not: why it matters and what to run. */
export function text(checks: HostCheck[], style: Style): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, found, why, commands, advice }) => {
    const line = `${MARKS[status](style)} ${name.padEnd(width)}  ${found}`;
    if (status === 'ok') return [line];
    const remedy = commands.map((command) => `    run: ${command}`);
    if (advice !== undefined) remedy.push(`    do:  ${advice}`);
    return [line, style('dim', `    why: ${why}`), ...remedy];
  });
  return `${[...lines, '', summary(checks)].join('\n')}\n`;
}

const MARKS: Record<HostCheck['status'], (style: Style) => string> = {
  ok: (style) => style('green', '✓'),
  warning: (style) => style('yellow', '!'),
  missing: (style) => style('red', '✗'),
};

function summary(checks: HostCheck[]): string {
  const missing = lacking(checks).map(({ name }) => name);
  if (missing.length > 0) return `This host cannot build yet. It lacks: ${missing.join(', ')}`;
  return 'This host can build.';
}

/** What every command shares: the options that stand before or after any command, and how to report. */
import { join, resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { openReporter, type Reporter } from '../report/reporter.ts';

/** The directory that Osmith itself lives in. */
export const ROOT = join(import.meta.dirname, '../..');

export interface GlobalOptions {
  /** Absolute path of the workspace. */
  workspace: string;
  /** Absolute path of a directory whose files go over those of the workspace. */
  localdir: string | undefined;
  debug: boolean;
  json: boolean;
}

export function addGlobalOptions(program: Command): void {
  program
    .option(
      '-C, --workspace <dir>',
      'directory of configuration, hooks and scenarios',
      join(ROOT, 'workspace'),
    )
    .option('--localdir <dir>', 'directory whose files are laid over those of the workspace')
    .option('--debug', 'show step logs, and the stack of an error')
    .option('--json', 'print results, events and errors as JSON');
}

/** The global options as a command's action sees them: `(…, options, command) => globals(command)`. */
export function globals(command: Command): GlobalOptions {
  const options = command.optsWithGlobals<{
    workspace: string;
    localdir?: string;
    debug?: boolean;
    json?: boolean;
  }>();
  return {
    workspace: resolve(options.workspace),
    localdir: options.localdir === undefined ? undefined : resolve(options.localdir),
    debug: options.debug === true,
    json: options.json === true,
  };
}

/** The reporter that fits the options and the terminal. Close it before printing results. */
export function reporterFor({ json, debug }: GlobalOptions): Reporter {
  return openReporter({ json, debug, stream: process.stdout });
}

/** Where to publish: a URL, or a path that starts at the workspace. */
export function targetPlace(configured: string, workspace: string): string {
  return configured.includes('://') ? configured : resolve(workspace, configured);
}

/** Parses the value of an option. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** What the subcommands of `osmith pattern` share: the file, its variables, and what they show while running. */
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { OsmithError, toOsmithError } from '../errors.ts';
import {
  collect,
  type Json,
  type Pattern,
  type PatternFiles,
  render,
  type RunEvent,
  type RunReport,
  verifyJwt,
} from '../pattern/index.ts';
import { oneLine, styleFor } from '../report/style.ts';
import { globals } from './globals.ts';
import { type VerifyFlags, verifyOptions, withKeyHint } from './key-files.ts';

export interface LoadedPattern {
  files: PatternFiles;
  pattern: Pattern;
}

export function addPatternOptions(command: Command): Command {
  return command
    .argument('<file>', 'the pattern: Jsonnet or JSON')
    .option('--var <name=value>', "a variable: a field of std.extVar('vars') (repeatable)", collectVar, {});
}

export function collectVar(text: string, previous: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1)
    throw new OsmithError('E_USAGE', `--var cannot read ${JSON.stringify(text)}`, {
      hint: 'Write --var name=value',
    });
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Patterns of the workspace may import all of it, others what is beside and below them. */
export function importRoot(file: string, workspace: string): string {
  const inside = !relative(workspace, resolve(file)).startsWith('..');
  return inside ? workspace : dirname(resolve(file));
}

/** Reads and renders a pattern; that of a token only if it verifies. `vars` is there for it besides what the command line says. */
export async function loadPattern(
  command: Command,
  file: string,
  vars: Record<string, Json> = {},
): Promise<LoadedPattern> {
  const { workspace } = globals(command);
  const given = command.opts<{ var: Record<string, string> }>().var;
  if (!file.endsWith('.jwt')) {
    const files = collect(file, importRoot(file, workspace));
    return { files, pattern: await render(files, { ...vars, ...given }) };
  }
  const settings = await verifyOptions(command.opts<VerifyFlags>());
  const { pattern: files, runVars } = await verifyJwt(readToken(file), settings).catch((error: unknown) => {
    throw withKeyHint(toOsmithError(error), settings);
  });
  if (files === undefined) throw new OsmithError('E_PATTERN', `${file} has no pattern`);
  return { files, pattern: await render(files, { ...runVars, ...vars, ...given }) };
}

/** The text of a token. One line end at the end of the file is not part of it. */
export function readToken(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new OsmithError('E_USAGE', `Cannot read the token: ${(error as Error).message}`, { cause: error });
  }
}

/** Run variables as scripts see them: those that are text or numbers. */
export function runVariables({ pattern }: LoadedPattern): Record<string, string> {
  const entries = Object.entries(pattern.runVars ?? {});
  return Object.fromEntries(
    entries
      .filter(([name, value]) => /^[A-Za-z_]\w*$/.test(name) && (typeof value !== 'object' || value === null))
      .map(([name, value]) => [name, value === null ? '' : String(value as string | number | boolean)]),
  );
}

/**
 * Shows on standard error what runs. Of checks only when debugging: they look, and what they print is for other scripts.
 */
export function progress(command: Command): (event: RunEvent) => void {
  const { debug, json } = globals(command);
  const style = styleFor(process.stderr);
  return (event) => {
    if (json) return;
    if (event.type === 'exec-ignored')
      process.stderr.write(
        `warning: exec of ${oneLine(event.id)} is ignored: a level above does not allow overrides\n`,
      );
    if (event.type !== 'start' && event.type !== 'output') return;
    if (event.phase === 'check' && !debug) return;
    if (event.type === 'output') {
      if (!event.carried || debug) process.stderr.write(event.text);
      return;
    }
    process.stderr.write(`${style('bold', `${event.phase} ${oneLine(event.id)}`)}\n`);
  };
}

/** A script that failed, as an error. */
export function throwFailure({ failed, err }: RunReport): void {
  if (failed === undefined) return;
  throw new OsmithError('E_COMMAND', err, {
    tail: failed.tail,
    hint: `Look at the ${failed.phase} script of ${failed.id}; --debug prints what each script prints`,
  });
}

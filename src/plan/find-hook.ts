/** Finds a hook's file, in the local directory before the workspace, and refuses what could not run. */
import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { nearest } from '../config/nearest.ts';
import { OsmithError } from '../errors.ts';
import { sourceInput } from './source.ts';
import type { SourceInput } from './types.ts';

/** How a hook runs: inside the tree; as a program beside it; or by bash with the shell library. */
export type HookType = 'chroot' | 'executable' | 'sourced';

export interface HookFile {
  /** Path of the file. */
  file: string;
  text: string;
  type: HookType;
  executable: boolean;
  input: SourceInput;
}

/** Directory of `--localdir`, if there is one. */
export function localdirOf(config: Config): string | undefined {
  return config.find('build', 'localdir')?.trim() || undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/**
 * A path of the local directory, or else of the workspace, as an input. Undefined if neither has it. What is from the
 * local directory is called `localdir/PATH`, wherever that lies.
 */
export function findSource(config: Config, path: string): SourceInput | undefined {
  const localdir = localdirOf(config);
  const exists = (dir: string) => statSync(join(dir, path), { throwIfNoEntry: false }) !== undefined;
  if (localdir !== undefined && exists(localdir)) {
    return { ...sourceInput(localdir, join(localdir, path)), name: join('localdir', path) };
  }
  return exists(config.workspace) ? sourceInput(config.workspace, path) : undefined;
}

function missing(config: Config, group: string, name: string): OsmithError {
  const dirs = [config.workspace, ...[localdirOf(config) ?? []].flat()].map((dir) =>
    join(dir, 'hooks', group),
  );
  const known = dirs.flatMap((dir) => {
    const isDirectory = statSync(dir, { throwIfNoEntry: false })?.isDirectory() === true;
    return isDirectory ? readdirSync(dir) : [];
  });
  const close = nearest(name, known);
  const there = known.length === 0 ? 'It has no hooks' : `It has: ${[...new Set(known)].sort().join(' ')}`;
  return new OsmithError('E_HOOK_MISSING', `There is no hook ${name} in ${join('hooks', group)}`, {
    where: config.where(group, 'hooks'),
    hint: close === undefined ? there : `Did you mean ${close}?`,
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The line that names the interpreter, without `#!`. */
export function interpreterLine(text: string): string | undefined {
  return text.match(/^#!([^\n]*)/)?.[1];
}

/** Why a hook cannot run, and what to do. */
function unfit(text: string, executable: boolean): [string, string] | undefined {
  const line = interpreterLine(text);
  if (line?.endsWith('\r'))
    return ['has line ends of another system (CR LF)', 'Convert it: sed -i s/\\\\r$// FILE'];
  if (executable && line === undefined && !text.startsWith('\x7fELF')) {
    const hint =
      'Begin it with a line such as #!/bin/sh, or take the executable bit away: bash then sources it';
    return ['is executable but names no interpreter', hint];
  }
  if (line?.trim() === '') return ['names no interpreter after #!', 'Write a path, such as #!/bin/sh'];
  if (!executable && line !== undefined && !/\b(?:ba|da)?sh\b/.test(line)) {
    return [`is for${line.replace(/^\s*/, ' ')} but not executable`, 'chmod +x FILE'];
  }
  return undefined;
}

/** A hook of a group. Throws E_HOOK_MISSING, or E_WORKSPACE for a file that could not run. */
export function findHook(config: Config, group: string, name: string): HookFile {
  const path = join('hooks', group, name);
  const dirs = [localdirOf(config), config.workspace].filter((dir) => dir !== undefined);
  const root = name.includes('/') ? undefined : dirs.find((dir) => isFile(join(dir, path)));
  if (root === undefined) throw missing(config, group, name);
  const file = join(root, path);
  const input = findSource(config, path)!;
  const text = readFileSync(file, 'latin1');
  const executable = isExecutable(file);
  const fault = unfit(text, executable);
  if (fault !== undefined) {
    const [what, hint] = fault;
    throw new OsmithError('E_WORKSPACE', `The hook ${group}/${name} ${what}`, {
      where: { file },
      hint: hint.replace('FILE', file),
    });
  }
  const type = name.endsWith('.chroot') ? 'chroot' : executable ? 'executable' : 'sourced';
  return { file, text: Buffer.from(text, 'latin1').toString(), type, executable, input };
}

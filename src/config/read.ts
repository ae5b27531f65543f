/** The only module of the configuration that reads files. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isSystemError, OsmithError } from '../errors.ts';
import { type IniFile, parseIni } from './ini.ts';

/** A file of the configuration, undefined if there is none. What cannot be read is a fault. */
export function readIni(file: string): IniFile | undefined {
  try {
    const stat = statSync(file);
    // A pipe or a device might never end.
    if (!stat.isFile() && !stat.isDirectory()) return unreadable(file, 'it is no file');
    return decode(readFileSync(file), file);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    return unreadable(file, error.code ?? error.message);
  }
}

/** A file that has been read before. */
export function readText(file: string): string {
  return readFileSync(file, 'utf8');
}

function unreadable(file: string, why: string): IniFile {
  const hint = 'Make it readable, or take it away';
  return broken(file, [{ message: `Cannot read ${file}: ${why}`, hint, where: { file } }]);
}

function decode(bytes: Buffer, file: string): IniFile {
  const text = utf8(bytes);
  const zero = bytes.indexOf(0);
  if (text !== undefined && zero >= 0) {
    // No variable of a hook can hold one.
    const line = bytes.subarray(0, zero).filter((byte) => byte === 0x0a).length + 1;
    return broken(file, [{ message: 'A zero byte', hint: 'Save the file as text', where: { file, line } }]);
  }
  if (text !== undefined) return parseIni(text, file);
  const hint = 'Save the file as UTF-8';
  return broken(file, [
    { message: 'Bytes that are not UTF-8', hint, where: { file, line: firstBadLine(bytes) } },
  ]);
}

function broken(file: string, faults: IniFile['faults']): IniFile {
  return { file, sections: new Map(), defaults: new Map(), faults };
}

function utf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A line feed is never part of another character, so each line can be looked at alone. */
function firstBadLine(bytes: Buffer): number {
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0 || utf8(bytes.subarray(start, end)) === undefined) return line;
    start = end + 1;
  }
}

export function checkWorkspace(workspace: string): void {
  if (!isDirectory(workspace)) {
    throw new OsmithError('E_WORKSPACE', `There is no workspace ${workspace}`, {
      hint: 'Name one with -C, or make one with `osmith init DIR`',
    });
  }
  if (!isDirectory(resolve(workspace, 'config'))) {
    throw new OsmithError('E_WORKSPACE', `${workspace} is not a workspace: it has no directory config`, {
      hint: 'Name one with -C, or make one with `osmith init DIR`',
    });
  }
}

export function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

export function pathExistsFrom(directory: string): (path: string) => boolean {
  return (path) => existsSync(resolve(directory, path));
}

/** What is in the directory of a path, written as the path is. */
export function siblingsFrom(directory: string): (path: string) => string[] {
  return (path) => {
    const parent = dirname(path);
    const full = resolve(directory, parent);
    return isDirectory(full) ? readdirSync(full).map((name) => join(parent, name)) : [];
  };
}

/** The values of an attribute for which there are files. */
export function valuesWithFiles(directory: string): string[] {
  if (!isDirectory(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.ini'))
    .map((name) => name.slice(0, -'.ini'.length))
    .sort();
}

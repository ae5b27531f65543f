/** From text to pattern: files are collected, then evaluated without touching the disk again. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, posix, relative, resolve, sep } from 'node:path';
import { isSystemError, OsmithError, type Where } from '../errors.ts';
import { evaluateProgram, importsOf, JsonnetError, parseFile } from './jsonnet/index.ts';
import { parsePattern } from './model.ts';
import type { Json, Pattern, PatternFiles } from './types.ts';

/** Characters of all files of a pattern together: they travel in its token. */
const MAX_SIZE = 4 * 2 ** 20;

/** A file and all it imports. Nothing outside of `root` can be imported. */
export function collect(path: string, root: string): PatternFiles {
  try {
    const top = realpathSync(root);
    const real = join(realpathSync(dirname(resolve(path))), basename(path));
    const entrypoint = relative(top, real).split(sep).join('/');
    return { entrypoint, files: collectFrom(entrypoint, top) };
  } catch (error) {
    throw asPatternError(error);
  }
}

function collectFrom(entrypoint: string, root: string): Record<string, string> {
  const files: Record<string, string> = {};
  const parsed = new Set<string>();
  const waiting = [{ name: importedName(entrypoint, ''), asText: false }];
  let size = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { name, asText } = next;
    if (!Object.hasOwn(files, name)) {
      files[name] = readInside(name, root);
      size += files[name].length;
    }
    if (size > MAX_SIZE) throw new JsonnetError(`The files of the pattern exceed ${MAX_SIZE} characters`);
    if (asText || parsed.has(name)) continue;
    parsed.add(name);
    for (const { path, node, asText: textOnly } of importsOf(parseFile(files[name]!, name)))
      waiting.push({
        name: atPlace(node.at, () => readable(importedName(path, name), root)),
        asText: textOnly,
      });
  }
  return Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Gives a fault that has no place yet the one of the import that led to it. */
function atPlace<T>(place: JsonnetError['place'], run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof JsonnetError) error.place ??= place;
    throw error;
  }
}

/** Name below the root of what a file imports. */
function importedName(path: string, from: string): string {
  if (path.startsWith('/')) throw new JsonnetError(`${path} is an absolute path; imports are relative`);
  const name = posix.normalize(posix.join(posix.dirname(from), path));
  if (name === '..' || name.startsWith('../'))
    throw new JsonnetError(`${path} is outside of the directory that patterns may import from`);
  return name;
}

/** The same name, if it is a file inside. A symbolic link counts as what it leads to. */
function readable(name: string, root: string): string {
  try {
    const real = realpathSync(join(root, name));
    if (!real.startsWith(root.endsWith(sep) ? root : root + sep))
      throw new JsonnetError(`${name} leads outside of the directory that patterns may import from`);
    if (!statSync(real).isFile()) throw new JsonnetError(`${name} is not a file`);
    return name;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new JsonnetError(
      error.code === 'ENOENT' ? `There is no file ${name}` : `Cannot read ${name}: ${error.message}`,
    );
  }
}

function readInside(name: string, root: string): string {
  const bytes = readFileSync(join(root, readable(name, root)));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new JsonnetError(`${name} is not text in UTF-8`);
  }
}

/** Evaluates the files; `vars` are there as `std.extVar('vars')`. Throws E_PATTERN with file and line. */
export async function render(files: PatternFiles, vars: Record<string, Json> = {}): Promise<Pattern> {
  try {
    const { json, locate } = evaluateProgram({
      entrypoint: files.entrypoint,
      read: (path, from) => {
        const file = from === undefined ? path : importedName(path, from);
        const text = Object.hasOwn(files.files, file) ? files.files[file] : undefined;
        if (text === undefined) throw new JsonnetError(`The pattern has no file ${file}`);
        return { file, text };
      },
      variables: { vars },
    });
    return parsePattern(json, (path) => asWhere(locate(path)));
  } catch (error) {
    throw asPatternError(error);
  }
}

function asWhere(place: JsonnetError['place']): Where | undefined {
  return place === undefined ? undefined : { file: place.file, line: place.line };
}

function asPatternError(error: unknown): unknown {
  if (error instanceof OsmithError) return error;
  if (isSystemError(error))
    return new OsmithError('E_PATTERN', `Cannot read the pattern: ${error.message}`, { cause: error });
  if (!(error instanceof JsonnetError)) return error;
  return new OsmithError('E_PATTERN', error.message, { where: asWhere(error.place) });
}

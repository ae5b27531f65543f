/**
 * Jsonnet, evaluated in the process: no file, program or network is reached, other files come from `read`.
 *
 * Our own, since what can be had from npm either lacks imports, is a decade old, or is compiled when installed,
 * which a single executable for a device cannot use. Compared with the reference implementation by a test.
 */
import type { Json } from '../types.ts';
import type { Node } from './ast.ts';
import { JsonnetError, type Place } from './error.ts';
import { type Context, type Env, evaluate, tooMuch } from './evaluate.ts';
import { toJson } from './manifest.ts';
import { parse } from './parse.ts';
import { checkScope, children } from './scope.ts';
import { makeStd, stdOf } from './std.ts';
import { fieldAt, findField, force, ready, type Value } from './values.ts';

export { JsonnetError, type Place } from './error.ts';

/** Some seconds of work. */
const BUDGET = 5_000_000;

export interface Program {
  entrypoint: string;
  /** Name and text of what `file` imports as `path`; throws a JsonnetError when that cannot be. */
  read: (path: string, file: string | undefined) => { file: string; text: string };
  /** What `std.extVar` gives. */
  variables: Record<string, Json>;
}

export interface Import {
  path: string;
  node: Node;
  asText: boolean;
}

/** Parses a file, with all that can be known to be wrong before it is evaluated. */
export function parseFile(text: string, file: string): Node {
  const node = parse(text, file);
  checkScope(node);
  return node;
}

/** What a file imports. Paths are literal, so this is all that it can ever ask for. */
export function importsOf(node: Node): Import[] {
  const own = node.type === 'import' ? [{ path: node.path, node, asText: node.asText }] : [];
  return [...own, ...children(node).flatMap(importsOf)];
}

export interface Evaluated {
  json: Json;
  /** Where a part of it is written, or the nearest part around. */
  locate: (path: readonly PropertyKey[]) => Place | undefined;
}

function locate(whole: Value, path: readonly PropertyKey[]): Place | undefined {
  let value = whole;
  let place: Place | undefined;
  for (const key of path) {
    if (value === null || typeof value !== 'object' || value.kind === 'function') break;
    if (value.kind === 'array') {
      const item = value.items[Number(key)];
      if (item === undefined) break;
      place = item.at ?? place;
      value = force(item);
    } else {
      const layer = findField(value, String(key));
      if (layer < 0) break;
      place = value.layers[layer]!.fields.get(String(key))!.at ?? place;
      value = fieldAt(value, String(key), layer);
    }
  }
  return place;
}

export function evaluateProgram({ entrypoint, read, variables }: Program): Evaluated {
  const std = makeStd(variables);
  const loaded = new Map<string, Value>();
  const loading = new Set<string>();

  const open = (path: string, from: string | undefined, asText: boolean): Value => {
    const { file, text } = read(path, from);
    if (asText) return text;
    const known = loaded.get(file);
    if (known !== undefined) return known;
    if (loading.has(file)) throw new JsonnetError(`${file} imports itself`);
    loading.add(file);
    const env: Env = {
      names: new Map([['std', ready(stdOf(std, file))]]),
      ...{ outer: undefined, self: undefined, layer: 0, root: undefined, context },
    };
    const value = evaluate(parseFile(text, file), env);
    loading.delete(file);
    loaded.set(file, value);
    return value;
  };
  const context: Context = { budget: BUDGET, load: (path, node, asText) => open(path, node.at.file, asText) };
  try {
    const value = open(entrypoint, undefined, false);
    return { json: toJson(value), locate: (path) => locate(value, path) };
  } catch (error) {
    if (error instanceof RangeError) throw tooMuch(error);
    throw error;
  }
}

/** How functions of the standard library are written: a signature, and code that gets thunks. */
import { call } from './evaluate.ts';
import { JsonnetError } from './error.ts';
import {
  type ArrayValue,
  force,
  type FunctionValue,
  type ObjectValue,
  ready,
  type Thunk,
  typeName,
  type Value,
} from './values.ts';

export type Native = (...args: Thunk[]) => Value;

/** Functions by `name(parameter, parameter=default)`; a default is JSON. */
export type Library = Record<string, Native>;

/** Reads `name(a, b=null)`. */
export function nativeFunction(signature: string, code: Native): [string, FunctionValue] {
  const [, name = '', list = ''] = /^(\w+)\((.*)\)$/.exec(signature) ?? [];
  const params = (list === '' ? [] : list.split(', ')).map((param) => {
    const [parameter = '', fallback] = param.split('=');
    return { name: parameter, fallback };
  });
  const apply = (args: (Thunk | undefined)[]): Value =>
    code(
      ...args.map(
        (arg, index) => arg ?? ready(JSON.parse(params[index]!.fallback!) as null | boolean | string),
      ),
    );
  return [
    name,
    {
      kind: 'function',
      params: params.map(({ name, fallback }) => ({ name, optional: fallback !== undefined })),
      apply,
    },
  ];
}

function wrong(wanted: string, value: Value): JsonnetError {
  return new JsonnetError(`Expected ${wanted}, got ${typeName(value)}`);
}

export function text(thunk: Thunk): string {
  const value = force(thunk);
  if (typeof value !== 'string') throw wrong('a string', value);
  return value;
}

export function number(thunk: Thunk): number {
  const value = force(thunk);
  if (typeof value !== 'number') throw wrong('a number', value);
  return value;
}

export function boolean(thunk: Thunk): boolean {
  const value = force(thunk);
  if (typeof value !== 'boolean') throw wrong('true or false', value);
  return value;
}

function isKind<K extends 'array' | 'object' | 'function'>(
  value: Value,
  kind: K,
): value is Extract<Value, { kind: K }> {
  return value !== null && typeof value === 'object' && value.kind === kind;
}

export function list(thunk: Thunk): ArrayValue {
  const value = force(thunk);
  if (!isKind(value, 'array')) throw wrong('an array', value);
  return value;
}

/** The elements of an array, or the characters of a text. */
export function elements(thunk: Thunk): Thunk[] {
  const value = force(thunk);
  if (typeof value === 'string') return [...value].map(ready);
  if (!isKind(value, 'array')) throw wrong('an array or a string', value);
  return value.items;
}

export function object(thunk: Thunk): ObjectValue {
  const value = force(thunk);
  if (!isKind(value, 'object')) throw wrong('an object', value);
  return value;
}

/** A function as one of JavaScript. */
export function callable(thunk: Thunk): (...args: Thunk[]) => Value {
  const value = force(thunk);
  if (!isKind(value, 'function')) throw wrong('a function', value);
  return (...args) =>
    call(
      value,
      args.map((arg) => ({ name: undefined, value: arg })),
    );
}

/** A function whose answer is true or false. */
export function predicate(thunk: Thunk): (...args: Thunk[]) => boolean {
  const test = callable(thunk);
  return (...args) => boolean(ready(test(...args)));
}

/** The standard library: objects, types and numbers. */
import { JsonnetError } from './error.ts';
import { boolean, callable, type Library, number, object, text } from './native.ts';
import { binary, equals, finite, toText } from './operators.ts';
import {
  array,
  arrayOf,
  delay,
  fieldNames,
  force,
  getField,
  objectOf,
  type ObjectValue,
  ready,
  record,
  type Thunk,
  typeName,
  type TypeName,
  type Value,
} from './values.ts';

function has(target: Thunk, name: Thunk, hidden: boolean): boolean {
  return fieldNames(object(target), hidden).includes(text(name));
}

function values(target: Thunk, hidden: boolean): Value {
  const from = object(target);
  return array(fieldNames(from, hidden).map((name) => delay(() => getField(from, name))));
}

function keysValues(target: Thunk, hidden: boolean): Value {
  const from = object(target);
  const pair = (name: string) =>
    record([
      ['key', ready(name)],
      ['value', delay(() => getField(from, name))],
    ]);
  return arrayOf(fieldNames(from, hidden).map(pair));
}

function isEmpty(value: Value): boolean {
  if (value === null) return true;
  if (typeof value !== 'object') return false;
  if (value.kind === 'array') return value.items.length === 0;
  return value.kind === 'object' && fieldNames(value).length === 0;
}

/** Without nulls, and without what then is empty. */
function prune(value: Value): Value {
  if (value === null || typeof value !== 'object' || value.kind === 'function') return value;
  if (value.kind === 'array')
    return arrayOf(value.items.map((item) => prune(force(item))).filter((item) => !isEmpty(item)));
  const entries = fieldNames(value).map((name) => [name, prune(getField(value, name))] as const);
  return record(
    entries.filter(([, item]) => !isEmpty(item)).map(([name, item]) => [name, ready(item)] as const),
  );
}

/** RFC 7396. */
function mergePatch(target: Value, patch: Value): Value {
  if (patch === null || typeof patch !== 'object' || patch.kind !== 'object') return patch;
  const base: ObjectValue =
    target !== null && typeof target === 'object' && target.kind === 'object' ? target : objectOf([]);
  const result = new Map(fieldNames(base).map((name) => [name, delay(() => getField(base, name))]));
  for (const name of fieldNames(patch)) {
    const change = getField(patch, name);
    const old = result.get(name);
    if (change === null) result.delete(name);
    else
      result.set(
        name,
        delay(() => mergePatch(old === undefined ? null : force(old), change)),
      );
  }
  return record(result);
}

function length(thunk: Thunk): number {
  const value = force(thunk);
  if (typeof value === 'string') return [...value].length;
  if (value === null || typeof value !== 'object')
    throw new JsonnetError(`A ${typeName(value)} has no length`);
  if (value.kind === 'array') return value.items.length;
  return value.kind === 'object' ? fieldNames(value).length : value.params.length;
}

function isType(type: TypeName): (v: Thunk) => boolean {
  return (v) => typeName(force(v)) === type;
}

function math(operation: (x: number) => number): (x: Thunk) => number {
  return (x) => finite(operation(number(x)));
}

/** Of `mantissa * 2 ** exponent`, with a mantissa from 0.5 up to 1. */
function exponentOf(value: number): number {
  if (value === 0) return 0;
  let exponent = Math.floor(Math.log2(Math.abs(value))) + 1;
  while (Math.abs(value) / 2 ** exponent >= 1) exponent++;
  while (Math.abs(value) / 2 ** exponent < 0.5) exponent--;
  return exponent;
}

function modulo(a: Thunk, b: Thunk): number {
  if (number(b) === 0) throw new JsonnetError('Division by zero');
  return number(a) % number(b);
}

const isWhole = (remainder: number) => (x: Thunk) => Math.abs(Math.floor(number(x)) % 2) === remainder;
const roundHalfUp = (x: number) => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

export const objectLibrary: Library = {
  'type(x)': (x) => typeName(force(x)),
  'length(x)': length,
  'get(o, f, default=null, inc_hidden=true)': (o, f, fallback, hidden) =>
    has(o, f, boolean(hidden)) ? getField(object(o), text(f)) : force(fallback),
  'objectHas(o, f)': (o, f) => has(o, f, false),
  'objectHasAll(o, f)': (o, f) => has(o, f, true),
  'objectHasEx(obj, fname, hidden)': (o, f, hidden) => has(o, f, boolean(hidden)),
  'objectFields(o)': (o) => arrayOf(fieldNames(object(o))),
  'objectFieldsAll(o)': (o) => arrayOf(fieldNames(object(o), true)),
  'objectFieldsEx(obj, hidden)': (o, hidden) => arrayOf(fieldNames(object(o), boolean(hidden))),
  'objectValues(o)': (o) => values(o, false),
  'objectValuesAll(o)': (o) => values(o, true),
  'objectKeysValues(o)': (o) => keysValues(o, false),
  'objectKeysValuesAll(o)': (o) => keysValues(o, true),
  'objectRemoveKey(obj, key)': (o, key) => {
    const from = object(o);
    const rest = fieldNames(from).filter((name) => name !== text(key));
    return record(rest.map((name) => [name, delay(() => getField(from, name))] as const));
  },
  'mapWithKey(func, obj)': (func, o) => {
    const map = callable(func);
    const from = object(o);
    return record(
      fieldNames(from).map((name) => {
        const value = delay(() => getField(from, name));
        return [name, delay(() => map(ready(name), value))] as const;
      }),
    );
  },
  'prune(a)': (a) => prune(force(a)),
  'mergePatch(target, patch)': (target, patch) => mergePatch(force(target), force(patch)),
  'isString(v)': isType('string'),
  'isNumber(v)': isType('number'),
  'isBoolean(v)': isType('boolean'),
  'isObject(v)': isType('object'),
  'isArray(v)': isType('array'),
  'isFunction(v)': isType('function'),
  'isNull(v)': isType('null'),
  'isEmpty(str)': (str) => text(str) === '',
  'isEven(x)': isWhole(0),
  'isOdd(x)': isWhole(1),
  'isInteger(x)': (x) => Number.isInteger(number(x)),
  'isDecimal(x)': (x) => !Number.isInteger(number(x)),
  'equals(a, b)': (a, b) => equals(force(a), force(b)),
  'primitiveEquals(x, y)': (a, b) => equals(force(a), force(b)),
  'assertEqual(a, b)': (a, b) => {
    if (equals(force(a), force(b))) return true;
    throw new JsonnetError(`${toText(force(a))} is not equal to ${toText(force(b))}`);
  },
  'trace(str, rest)': (str, rest) => {
    text(str);
    return force(rest);
  },
  'xor(x, y)': (x, y) => boolean(x) !== boolean(y),
  'xnor(x, y)': (x, y) => boolean(x) === boolean(y),
  'abs(n)': math(Math.abs),
  'sign(n)': math(Math.sign),
  'max(a, b)': (a, b) => Math.max(number(a), number(b)),
  'min(a, b)': (a, b) => Math.min(number(a), number(b)),
  'clamp(x, minVal, maxVal)': (x, low, high) => Math.min(Math.max(number(x), number(low)), number(high)),
  'mod(a, b)': (a, b) => binary('%', force(a), force(b)),
  'modulo(x, y)': modulo,
  'pow(x, n)': (x, n) => finite(number(x) ** number(n)),
  'exp(x)': math(Math.exp),
  'log(x)': math(Math.log),
  'log2(x)': math(Math.log2),
  'log10(x)': math(Math.log10),
  'exponent(x)': math(exponentOf),
  'mantissa(x)': math((x) => x / 2 ** exponentOf(x)),
  'floor(x)': math(Math.floor),
  'ceil(x)': math(Math.ceil),
  'round(x)': math(roundHalfUp),
  'sqrt(x)': math(Math.sqrt),
  'sin(x)': math(Math.sin),
  'cos(x)': math(Math.cos),
  'tan(x)': math(Math.tan),
  'asin(x)': math(Math.asin),
  'acos(x)': math(Math.acos),
  'atan(x)': math(Math.atan),
  'atan2(y, x)': (y, x) => Math.atan2(number(y), number(x)),
  'hypot(a, b)': (a, b) => finite(Math.hypot(number(a), number(b))),
  'deg2rad(x)': math((x) => (x * Math.PI) / 180),
  'rad2deg(x)': math((x) => (x * 180) / Math.PI),
};

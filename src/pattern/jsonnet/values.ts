/** What Jsonnet expressions evaluate to, and how lazily. */
import type { Param, Visibility } from './ast.ts';
import { JsonnetError, type Place } from './error.ts';
import { add } from './operators.ts';

export type Value = null | boolean | number | string | ArrayValue | ObjectValue | FunctionValue;

/** A value that is computed when it is first needed. */
export interface Thunk {
  value: Value | undefined;
  compute: (() => Value) | undefined;
  /** Where it is written, if it is. */
  at?: Place;
}

export interface ArrayValue {
  kind: 'array';
  items: Thunk[];
}

export interface FunctionValue {
  kind: 'function';
  params: readonly (Pick<Param, 'name'> & { optional: boolean })[];
  /** Arguments in the order of the parameters; undefined where the default applies. */
  apply: (args: (Thunk | undefined)[]) => Value;
}

/** Fields as one object literal defines them; knows nothing of the object it will be part of. */
export interface Layer {
  fields: Map<string, FieldValue>;
  check?: (self: ObjectValue, layer: number) => void;
}

export interface FieldValue {
  visibility: Visibility;
  plus: boolean;
  /** Where its name is written. */
  at?: Place;
  body: (self: ObjectValue, layer: number) => Value;
}

export interface ObjectValue {
  kind: 'object';
  /** The rightmost operand of `+` comes first. */
  layers: Layer[];
  /** Fields evaluated already, by layer and name. */
  cache: Map<string, Thunk>;
  checked: boolean;
}

export function delay(compute: () => Value): Thunk {
  return { value: undefined, compute };
}

export function ready(value: Value): Thunk {
  return { value, compute: undefined };
}

function recursion(): never {
  throw new JsonnetError('This value depends on itself');
}

export function force(thunk: Thunk): Value {
  if (thunk.compute === undefined) return thunk.value!;
  const { compute } = thunk;
  thunk.compute = recursion;
  thunk.value = compute();
  thunk.compute = undefined;
  return thunk.value;
}

export function array(items: Thunk[]): ArrayValue {
  return { kind: 'array', items };
}

export function arrayOf(values: Value[]): ArrayValue {
  return array(values.map(ready));
}

export function objectOf(layers: Layer[]): ObjectValue {
  return {
    kind: 'object',
    layers,
    cache: new Map(),
    checked: layers.every(({ check }) => check === undefined),
  };
}

/** An object of given fields. */
export function record(
  entries: Iterable<readonly [string, Thunk]>,
  visibility: Visibility = ':',
): ObjectValue {
  const fields = [...entries].map(
    ([name, thunk]) => [name, { visibility, plus: false, body: () => force(thunk) }] as const,
  );
  return objectOf([{ fields: new Map(fields) }]);
}

export type TypeName = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object' | 'function';

export function typeName(value: Value): TypeName {
  if (value === null) return 'null';
  return typeof value === 'object' ? value.kind : (typeof value as 'boolean' | 'number' | 'string');
}

/** Where the field is found, from this layer on; -1: nowhere. */
export function findField({ layers }: ObjectValue, name: string, from = 0): number {
  for (let index = from; index < layers.length; index++) if (layers[index]!.fields.has(name)) return index;
  return -1;
}

/** Runs the object's assertions, once. */
export function checkAsserts(object: ObjectValue): void {
  if (object.checked) return;
  object.checked = true; // also while they run: they look at fields
  object.layers.forEach(({ check }, layer) => check?.(object, layer));
}

/** The value of a field at or below a layer; the caller has made sure that it is there. */
export function fieldAt(object: ObjectValue, name: string, layer: number): Value {
  const key = `${layer}/${name}`;
  let thunk = object.cache.get(key);
  if (thunk === undefined) {
    const field = object.layers[layer]!.fields.get(name)!;
    thunk = delay(() => {
      const own = field.body(object, layer);
      const below = field.plus ? findField(object, name, layer + 1) : -1;
      return below < 0 ? own : add(fieldAt(object, name, below), own);
    });
    object.cache.set(key, thunk);
  }
  return force(thunk);
}

export function getField(object: ObjectValue, name: string): Value {
  checkAsserts(object);
  const layer = findField(object, name);
  if (layer < 0) throw new JsonnetError(`The object has no field ${JSON.stringify(name)}`);
  return fieldAt(object, name, layer);
}

/** Hidden unless the first layer that says something about it says otherwise. */
function isVisible({ layers }: ObjectValue, name: string): boolean {
  for (const { fields } of layers) {
    const visibility = fields.get(name)?.visibility;
    if (visibility !== undefined && visibility !== ':') return visibility === ':::';
  }
  return true;
}

/** Sorted by code point. */
export function fieldNames(object: ObjectValue, hidden = false): string[] {
  const names = [...new Set(object.layers.flatMap(({ fields }) => [...fields.keys()]))];
  return (hidden ? names : names.filter((name) => isVisible(object, name))).sort(compareText);
}

/** By code point, which for characters beyond U+FFFF is not the order of JavaScript. */
export function compareText(a: string, b: string): number {
  let index = 0;
  while (index < a.length && index < b.length && a.charCodeAt(index) === b.charCodeAt(index)) index++;
  if (index === a.length || index === b.length) return a.length - b.length;
  const surrogate = (code: number) => (code >= 0xd800 && code < 0xe000 ? code + 0x10000 : code);
  return surrogate(a.charCodeAt(index)) - surrogate(b.charCodeAt(index));
}

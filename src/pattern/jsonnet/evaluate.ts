/** The evaluator: syntax trees to values. */
import type { Assertion, Bind, Clause, Node, Param } from './ast.ts';
import { JsonnetError, type Place } from './error.ts';
import { binary, toText, unary } from './operators.ts';
import {
  array,
  type ArrayValue,
  delay,
  fieldAt,
  type FieldValue,
  findField,
  force,
  type FunctionValue,
  getField,
  type Layer,
  objectOf,
  type ObjectValue,
  ready,
  type Thunk,
  typeName,
  type Value,
} from './values.ts';

/** What an evaluation has around it. */
export interface Context {
  /** The value of a file that another one imports. */
  load: (path: string, node: Node, asText: boolean) => Value;
  /** Evaluations left; a program that needs more does not end in any sensible time. */
  budget: number;
}

export interface Env {
  names: Map<string, Thunk>;
  outer: Env | undefined;
  /** The object around, the layer of it that this literal is, and the outermost object of the file. */
  self: ObjectValue | undefined;
  layer: number;
  root: ObjectValue | undefined;
  context: Context;
}

export function extend(env: Env, names: Map<string, Thunk>): Env {
  return { ...env, names, outer: env };
}

function lookup(env: Env, name: string): Thunk {
  for (let scope: Env | undefined = env; scope !== undefined; scope = scope.outer) {
    const thunk = scope.names.get(name);
    if (thunk !== undefined) return thunk;
  }
  throw new JsonnetError(`There is no variable ${name}`);
}

/** An error that does not know its place yet comes from here. */
export function evaluate(node: Node, env: Env): Value {
  if (--env.context.budget < 0) throw new JsonnetError('This takes too long: it may never end', node.at);
  try {
    return evaluateNode(node, env);
  } catch (error) {
    if (error instanceof JsonnetError) error.place ??= node.at;
    if (error instanceof RangeError) throw tooMuch(error, node.at);
    throw error;
  }
}

/** What JavaScript throws when its stack is full, or a text too long for it. */
export function tooMuch({ message }: RangeError, at?: Place): JsonnetError {
  return new JsonnetError(message.includes('stack') ? 'This recurses too deeply' : 'This gets too large', at);
}

function later(node: Node, env: Env): Thunk {
  const thunk = node.type === 'literal' ? ready(node.value) : delay(() => evaluate(node, env));
  return { ...thunk, at: node.at };
}

function evaluateNode(node: Node, env: Env): Value {
  switch (node.type) {
    case 'literal':
      return node.value;
    case 'name':
      return force(lookup(env, node.name));
    case 'self':
      return env.self!;
    case 'root':
      return env.root!;
    case 'super': {
      const name = fieldName(evaluate(node.index, env));
      const layer = findField(env.self!, name, env.layer + 1);
      if (layer < 0) throw new JsonnetError(`super has no field ${JSON.stringify(name)}`);
      return fieldAt(env.self!, name, layer);
    }
    case 'inSuper':
      return findField(env.self!, fieldName(evaluate(node.name, env)), env.layer + 1) >= 0;
    case 'index':
      return index(evaluate(node.target, env), evaluate(node.index, env));
    case 'slice': {
      const bound = (part: Node | undefined) => (part === undefined ? null : evaluate(part, env));
      return slice(evaluate(node.target, env), bound(node.from), bound(node.to), bound(node.step));
    }
    case 'call': {
      const target = evaluate(node.target, env);
      if (typeof target !== 'object' || target?.kind !== 'function')
        throw new JsonnetError(`A ${typeName(target)} cannot be called`);
      const args = node.args.map(({ name, value }) => ({ name, value: later(value, env) }));
      if (node.strict) args.forEach(({ value }) => force(value));
      return call(target, args);
    }
    case 'function':
      return closure(node.params, node.body, env);
    case 'local':
      return evaluate(node.body, bindAll(node.binds, env));
    case 'if':
      if (truth(node.condition, env)) return evaluate(node.then, env);
      return node.else === undefined ? null : evaluate(node.else, env);
    case 'unary':
      return unary(node.operator, evaluate(node.value, env));
    case 'binary':
      if (node.operator === '&&') return truth(node.left, env) && truth(node.right, env);
      if (node.operator === '||') return truth(node.left, env) || truth(node.right, env);
      return binary(node.operator, evaluate(node.left, env), evaluate(node.right, env));
    case 'array':
      return array(node.items.map((item) => later(item, env)));
    case 'arrayComprehension':
      return array(comprehend(node.clauses, env).map((inner) => later(node.item, inner)));
    case 'object':
      return objectOf([objectLayer(node, env)]);
    case 'objectComprehension':
      return objectOf([comprehensionLayer(node, env)]);
    case 'assert':
      verify(node.assertion, env);
      return evaluate(node.body, env);
    case 'error':
      throw new JsonnetError(toText(evaluate(node.message, env)));
    case 'import':
      return env.context.load(node.path, node, node.asText);
  }
}

function truth(node: Node, env: Env): boolean {
  const value = evaluate(node, env);
  if (typeof value !== 'boolean')
    throw new JsonnetError(`Expected true or false, got ${typeName(value)}`, node.at);
  return value;
}

function verify({ condition, message }: Assertion, env: Env): void {
  if (truth(condition, env)) return;
  const text = message === undefined ? 'An assertion failed' : toText(evaluate(message, env));
  throw new JsonnetError(text, condition.at);
}

function bindAll(binds: Bind[], env: Env): Env {
  const inner = extend(env, new Map());
  for (const { name, value } of binds) inner.names.set(name, later(value, inner));
  return inner;
}

function closure(params: Param[], body: Node, env: Env): FunctionValue {
  return {
    kind: 'function',
    params: params.map(({ name, fallback }) => ({ name, optional: fallback !== undefined })),
    apply: (args) => {
      const inner = extend(env, new Map());
      params.forEach(({ name, fallback }, position) =>
        inner.names.set(name, args[position] ?? later(fallback!, inner)),
      );
      return evaluate(body, inner);
    },
  };
}

/** Calls with arguments by position, then by name. */
export function call(target: FunctionValue, args: { name: string | undefined; value: Thunk }[]): Value {
  const { params } = target;
  const bound: (Thunk | undefined)[] = params.map(() => undefined);
  args.forEach(({ name, value }, position) => {
    const place = name === undefined ? position : params.findIndex((param) => param.name === name);
    if (place < 0) throw new JsonnetError(`The function has no parameter ${name}`);
    if (place >= params.length)
      throw new JsonnetError(`The function takes ${params.length} arguments, not ${args.length}`);
    if (bound[place] !== undefined) throw new JsonnetError(`The argument ${name} is given twice`);
    bound[place] = value;
  });
  const missing = params.find(({ optional }, position) => !optional && bound[position] === undefined);
  if (missing !== undefined) throw new JsonnetError(`The argument ${missing.name} is missing`);
  return target.apply(bound);
}

function comprehend([clause, ...rest]: Clause[], env: Env): Env[] {
  if (clause === undefined) return [env];
  const { name, value } = clause;
  if (name === undefined) return truth(value, env) ? comprehend(rest, env) : [];
  const list = evaluate(value, env);
  if (typeof list !== 'object' || list?.kind !== 'array')
    throw new JsonnetError(`for needs an array, not ${typeName(list)}`, value.at);
  return list.items.flatMap((item) => comprehend(rest, extend(env, new Map([[name, item]]))));
}

function fieldName(value: Value): string {
  if (typeof value !== 'string') throw new JsonnetError(`A field name is text, not ${typeName(value)}`);
  return value;
}

/** The scope inside of an object: the object that the literal has become part of, and its locals. */
function objectScope(env: Env, locals: Bind[], self: ObjectValue, layer: number): Env {
  return bindAll(locals, { ...env, self, layer, root: env.root ?? self });
}

function objectLayer({ locals, asserts, fields }: Extract<Node, { type: 'object' }>, env: Env): Layer {
  const scopes = new WeakMap<ObjectValue, Map<number, Env>>();
  /** One per object and position: `x + x` has the same literal twice. */
  const scope = (self: ObjectValue, position: number): Env => {
    const known = scopes.get(self) ?? new Map<number, Env>();
    scopes.set(self, known);
    const found = known.get(position) ?? objectScope(env, locals, self, position);
    known.set(position, found);
    return found;
  };
  const layer: Layer = { fields: new Map() };
  for (const { name, visibility, plus, body } of fields) {
    const key = evaluate(name, env);
    if (key === null) continue;
    const field: FieldValue = {
      ...{ visibility, plus, at: name.at },
      body: (self, position) => evaluate(body, scope(self, position)),
    };
    addField(layer, fieldName(key), field, name);
  }
  if (asserts.length > 0)
    layer.check = (self, position) => {
      for (const assertion of asserts) verify(assertion, scope(self, position));
    };
  return layer;
}

function comprehensionLayer(
  { locals, field, clauses }: Extract<Node, { type: 'objectComprehension' }>,
  env: Env,
): Layer {
  const { name, visibility, plus, body } = field;
  const layer: Layer = { fields: new Map() };
  for (const inner of comprehend(clauses, env)) {
    const key = evaluate(name, inner);
    if (key === null) continue;
    addField(
      layer,
      fieldName(key),
      {
        ...{ visibility, plus, at: name.at },
        body: (self, position) => evaluate(body, objectScope(inner, locals, self, position)),
      },
      name,
    );
  }
  return layer;
}

function addField({ fields }: Layer, name: string, field: FieldValue, node: Node): void {
  if (fields.has(name)) throw new JsonnetError(`The field ${JSON.stringify(name)} is there twice`, node.at);
  fields.set(name, field);
}

export function index(target: Value, key: Value): Value {
  if (typeof target === 'object' && target?.kind === 'object') return getField(target, fieldName(key));
  const isArray = typeof target === 'object' && target?.kind === 'array';
  if (!isArray && typeof target !== 'string')
    throw new JsonnetError(`A ${typeName(target)} has no fields or elements`);
  if (typeof key !== 'number') throw new JsonnetError(`An index is a number, not ${typeName(key)}`);
  const items: readonly (Thunk | string)[] = typeof target === 'string' ? [...target] : target.items;
  const item = items[key];
  if (item === undefined) throw new JsonnetError(`The index ${key} is outside of 0 to ${items.length - 1}`);
  return typeof item === 'string' ? item : force(item);
}

/** As in Python, but without negative steps. */
export function slice(target: Value, from: Value, to: Value, step: Value): ArrayValue | string {
  const isArray = typeof target === 'object' && target?.kind === 'array';
  if (!isArray && typeof target !== 'string')
    throw new JsonnetError(`A ${typeName(target)} cannot be sliced`);
  const number = (value: Value, fallback: number): number => {
    if (value === null) return fallback;
    if (typeof value !== 'number') throw new JsonnetError(`A slice needs numbers, not ${typeName(value)}`);
    return value;
  };
  const every = number(step, 1);
  if (every < 1) throw new JsonnetError('The step of a slice is at least 1');
  const pick = <T>(items: T[]): T[] =>
    items.slice(number(from, 0), number(to, items.length)).filter((_item, place) => place % every === 0);
  return typeof target === 'string' ? pick([...target]).join('') : array(pick(target.items));
}

/** What can be known to be wrong before anything is evaluated: unknown names, `self` outside of objects, duplicates. */
import type { Bind, Clause, Field, Node, Param } from './ast.ts';
import { JsonnetError, type Place } from './error.ts';

interface Scope {
  names: ReadonlySet<string>;
  inObject: boolean;
}

/** Throws the first fault of a file. */
export function checkScope(file: Node): void {
  check(file, { names: new Set(['std']), inObject: false });
}

function withNames(scope: Scope, names: Iterable<string>): Scope {
  return { ...scope, names: new Set([...scope.names, ...names]) };
}

function distinct(names: string[], what: string, at: Place): string[] {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new JsonnetError(`The ${what} ${twice} is there twice`, at);
  return names;
}

function check(node: Node, scope: Scope): void {
  switch (node.type) {
    case 'name':
      if (!scope.names.has(node.name)) throw new JsonnetError(`There is no variable ${node.name}`, node.at);
      return;
    case 'self':
    case 'root':
    case 'super':
    case 'inSuper': {
      const word = { self: 'self', root: '$', super: 'super', inSuper: 'super' }[node.type];
      if (!scope.inObject) throw new JsonnetError(`${word} has a meaning only inside an object`, node.at);
      if (node.type === 'super') check(node.index, scope);
      if (node.type === 'inSuper') check(node.name, scope);
      return;
    }
    case 'function':
      return checkFunction(node.params, node.body, scope, node.at);
    case 'local': {
      const inner = withNames(scope, distinct(names(node.binds), 'local', node.at));
      checkBinds(node.binds, inner);
      return check(node.body, inner);
    }
    case 'call':
      distinct(
        node.args.flatMap(({ name }) => name ?? []),
        'argument',
        node.at,
      );
      node.args.forEach(({ name }, index) => {
        if (name === undefined && node.args.slice(0, index).some((before) => before.name !== undefined))
          throw new JsonnetError('Arguments without a name come first', node.at);
      });
      return children(node).forEach((child) => check(child, scope));
    case 'arrayComprehension':
      return check(node.item, checkClauses(node.clauses, scope));
    case 'object': {
      const literal = node.fields.flatMap(({ name }) =>
        name.type === 'literal' && typeof name.value === 'string' ? name.value : [],
      );
      distinct(literal, 'field', node.at);
      const inner = { ...withNames(scope, distinct(names(node.locals), 'local', node.at)), inObject: true };
      checkBinds(node.locals, inner);
      for (const { condition, message } of node.asserts) {
        check(condition, inner);
        if (message !== undefined) check(message, inner);
      }
      return node.fields.forEach((field) => checkField(field, scope, inner));
    }
    case 'objectComprehension': {
      const outer = checkClauses(node.clauses, scope);
      const inner = { ...withNames(outer, distinct(names(node.locals), 'local', node.at)), inObject: true };
      checkBinds(node.locals, inner);
      return checkField(node.field, outer, inner);
    }
    default:
      return children(node).forEach((child) => check(child, scope));
  }
}

function names(binds: Bind[]): string[] {
  return binds.map(({ name }) => name);
}

function checkBinds(binds: Bind[], scope: Scope): void {
  for (const { value } of binds) check(value, scope);
}

function checkFunction(params: Param[], body: Node, scope: Scope, at: Place): void {
  const listed = params.map(({ name }) => name);
  const inner = withNames(scope, distinct(listed, 'parameter', at));
  for (const { fallback } of params) if (fallback !== undefined) check(fallback, inner);
  check(body, inner);
}

/** Names are evaluated outside of the object, bodies inside. */
function checkField({ name, body }: Field, outer: Scope, inner: Scope): void {
  check(name, outer);
  check(body, inner);
}

function checkClauses(clauses: Clause[], scope: Scope): Scope {
  let inner = scope;
  for (const { name, value } of clauses) {
    check(value, inner);
    if (name !== undefined) inner = withNames(inner, [name]);
  }
  return inner;
}

/** The nodes directly below one. */
export function children(node: Node): Node[] {
  const all = (): (Node | undefined)[] => {
    switch (node.type) {
      case 'super':
        return [node.index];
      case 'inSuper':
        return [node.name];
      case 'index':
        return [node.target, node.index];
      case 'slice':
        return [node.target, node.from, node.to, node.step];
      case 'call':
        return [node.target, ...node.args.map(({ value }) => value)];
      case 'function':
        return [...node.params.map(({ fallback }) => fallback), node.body];
      case 'local':
        return [...node.binds.map(({ value }) => value), node.body];
      case 'if':
        return [node.condition, node.then, node.else];
      case 'unary':
        return [node.value];
      case 'binary':
        return [node.left, node.right];
      case 'array':
        return node.items;
      case 'arrayComprehension':
        return [...node.clauses.map(({ value }) => value), node.item];
      case 'object':
        return [
          ...node.locals.map(({ value }) => value),
          ...node.asserts.flatMap(({ condition, message }) => [condition, message]),
          ...node.fields.flatMap(({ name, body }) => [name, body]),
        ];
      case 'objectComprehension':
        return [
          ...node.locals.map(({ value }) => value),
          ...node.clauses.map(({ value }) => value),
          ...[node.field.name, node.field.body],
        ];
      case 'assert':
        return [node.assertion.condition, node.assertion.message, node.body];
      case 'error':
        return [node.message];
      default:
        return [];
    }
  };
  return all().filter((child) => child !== undefined);
}

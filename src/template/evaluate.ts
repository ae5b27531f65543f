/** Runs the programs of modifiers. Values are plain JSON; nothing given is changed. */
import { fault, type Node } from './parse.ts';
import { comparePaths, deletePath, getPath, setPath, type Key, type Path } from './paths.ts';
import { isObject, operate, truthy, typeName } from './values.ts';

/** A result: with a path as long as it is a place in the document. */
interface Item {
  value: unknown;
  path: Path | undefined;
}

type Variables = ReadonlyMap<string, unknown>;

interface Context {
  file: string;
}

class Evaluator {
  readonly #context: Context;
  constructor(context: Context) {
    this.#context = context;
  }

  #fail(message: string, line = 1): never {
    throw fault(this.#context.file, line, message);
  }

  *run(node: Node, input: Item, variables: Variables): Generator<Item> {
    switch (node.kind) {
      case 'identity':
        yield input;
        return;
      case 'literal':
        yield { value: node.value, path: undefined };
        return;
      case 'variable':
        if (!variables.has(node.name)) this.#fail(`There is no variable $${node.name}`);
        yield { value: variables.get(node.name), path: undefined };
        return;
      case 'pipe':
        for (const left of this.run(node.left, input, variables))
          yield* this.run(node.right, left, variables);
        return;
      case 'comma':
        yield* this.run(node.left, input, variables);
        yield* this.run(node.right, input, variables);
        return;
      case 'bind':
        for (const { value } of this.run(node.value, input, variables)) {
          yield* this.run(node.body, input, new Map([...variables, [node.name, value]]));
        }
        return;
      case 'field':
        for (const of of this.run(node.of, input, variables)) {
          for (const { value: key } of this.run(node.key, input, variables)) yield this.#field(of, key);
        }
        return;
      case 'each':
        for (const of of this.run(node.of, input, variables)) yield* this.#each(of);
        return;
      case 'slice':
        yield* this.#slice(node, input, variables);
        return;
      case 'array': {
        const items = node.items === undefined ? [] : [...this.run(node.items, input, variables)];
        yield { value: items.map(({ value }) => value), path: undefined };
        return;
      }
      case 'object': {
        const entries = node.entries.map(({ key, value }) => [
          String(this.#one(key, input, variables)),
          this.#one(value, input, variables),
        ]);
        yield { value: Object.fromEntries(entries) as unknown, path: undefined };
        return;
      }
      case 'binary':
        yield* this.#binary(node, input, variables);
        return;
      case 'assign':
        yield this.#assign(node, input, variables);
        return;
      case 'call':
        yield* this.#call(node, input, variables);
    }
  }

  #one(node: Node, input: Item, variables: Variables): unknown {
    const results = [...this.run(node, input, variables)];
    if (results.length !== 1) this.#fail(`${results.length} values where one is needed`);
    return results[0]!.value;
  }

  #field({ value, path }: Item, key: unknown): Item {
    const below = (part: Key) => (path === undefined ? undefined : [...path, part]);
    if (typeof key === 'string' && (isObject(value) || value === null || value === undefined)) {
      return { value: value?.[key] ?? null, path: below(key) };
    }
    if (typeof key === 'number' && (Array.isArray(value) || value === null || value === undefined)) {
      const list: unknown[] = value ?? [];
      const index = key < 0 ? list.length + key : key;
      return { value: list[index] ?? null, path: below(index) };
    }
    return this.#fail(`${typeName(value)} has no ${JSON.stringify(key)}`);
  }

  *#each({ value, path }: Item): Generator<Item> {
    if (!Array.isArray(value) && !isObject(value)) this.#fail(`${typeName(value)} has no items`);
    const keys: Key[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
    for (const key of keys) {
      yield {
        value: (value as Record<Key, unknown>)[key],
        path: path === undefined ? undefined : [...path, key],
      };
    }
  }

  *#slice(node: Extract<Node, { kind: 'slice' }>, input: Item, variables: Variables): Generator<Item> {
    const bound = (each: Node | undefined) => {
      const value = each === undefined ? undefined : this.#one(each, input, variables);
      if (value === undefined || typeof value === 'number') return value;
      return this.#fail(`A list cannot be cut at ${typeName(value)}`);
    };
    for (const { value } of this.run(node.of, input, variables)) {
      if (value === null || value === undefined) yield { value: null, path: undefined };
      else if (!Array.isArray(value) && typeof value !== 'string')
        this.#fail(`${typeName(value)} cannot be cut`);
      else yield { value: value.slice(bound(node.from), bound(node.to)), path: undefined };
    }
  }

  *#binary(node: Extract<Node, { kind: 'binary' }>, input: Item, variables: Variables): Generator<Item> {
    const { operator, left, right } = node;
    if (operator === '//') {
      const found = [...this.run(left, input, variables)].filter(({ value }) => truthy(value));
      yield* found.length > 0 ? found : this.run(right, input, variables);
      return;
    }
    if (operator === 'and' || operator === 'or') {
      for (const { value } of this.run(left, input, variables)) {
        if (truthy(value) === (operator === 'or')) yield { value: operator === 'or', path: undefined };
        else
          for (const each of this.run(right, input, variables))
            yield { value: truthy(each.value), path: undefined };
      }
      return;
    }
    for (const b of this.run(right, input, variables)) {
      for (const a of this.run(left, input, variables))
        yield { value: this.#operate(operator, a.value, b.value), path: undefined };
    }
  }

  #operate(operator: string, a: unknown, b: unknown): unknown {
    try {
      return operate(operator, a, b);
    } catch (error) {
      return this.#fail((error as TypeError).message);
    }
  }

  #paths(node: Node, input: Item, variables: Variables): Path[] {
    const root = { value: input.value, path: [] };
    return [...this.run(node, root, variables)].map(
      ({ path }) => path ?? this.#fail('Only a place in the document can be changed'),
    );
  }

  #assign(node: Extract<Node, { kind: 'assign' }>, input: Item, variables: Variables): Item {
    const { operator, left, right } = node;
    let value = input.value;
    // Of the document as it was: `+=` looks at its right side once, `|=` at each place.
    const given = operator === '|=' ? undefined : this.#one(right, input, variables);
    for (const path of this.#paths(left, input, variables)) {
      const old = getPath(value, path);
      if (operator === '|=') {
        const [first] = this.run(right, { value: old, path: undefined }, variables);
        value = setPath(value, path, first?.value ?? null);
      } else value = setPath(value, path, operator === '=' ? given : this.#operate(operator[0]!, old, given));
    }
    return { value, path: undefined };
  }

  *#call(
    { name, args, line }: Extract<Node, { kind: 'call' }>,
    input: Item,
    variables: Variables,
  ): Generator<Item> {
    const { value } = input;
    const [first, second] = args;
    const result = (result: unknown): Item => ({ value: result, path: undefined });
    const text = () => {
      const argument = this.#one(first!, input, variables);
      if (typeof value !== 'string' || typeof argument !== 'string')
        this.#fail(`${name} compares texts`, line);
      return [value, argument] as const;
    };
    switch (name) {
      case 'empty':
        return;
      case 'select':
        for (const { value: wanted } of this.run(first!, input, variables)) if (truthy(wanted)) yield input;
        return;
      case 'del': {
        const paths = this.#paths(first!, input, variables).sort(comparePaths).toReversed();
        yield result(paths.reduce(deletePath, value));
        return;
      }
      case 'map': {
        const items = [...this.#each({ value, path: undefined })];
        yield result(
          items.flatMap((item) => [...this.run(first!, item, variables)].map((each) => each.value)),
        );
        return;
      }
      case 'limit': {
        let left = this.#one(first!, input, variables) as number;
        for (const item of this.run(second!, input, variables)) {
          if (left <= 0) return;
          left -= 1;
          yield item;
        }
        return;
      }
      case 'first':
        if (first === undefined) yield this.#field(input, 0);
        else for (const item of this.run(first, input, variables)) return void (yield item);
        return;
      case 'last':
        yield this.#field(input, -1);
        return;
      case 'length':
        yield result(isObject(value) ? Object.keys(value).length : ((value as string | null)?.length ?? 0));
        return;
      case 'keys':
      case 'to_entries': {
        const entries = [...this.#each({ value, path: [] })].map((item) => ({
          key: item.path![0]!,
          value: item.value,
        }));
        if (name === 'to_entries') yield result(entries);
        else yield result(entries.map(({ key }) => key).sort((a, b) => (a < b ? -1 : 1)));
        return;
      }
      case 'not':
        yield result(!truthy(value));
        return;
      case 'has':
        yield result(Object.hasOwn(value as object, this.#one(first!, input, variables) as Key));
        return;
      case 'startswith':
      case 'endswith': {
        const [whole, part] = text();
        yield result(name === 'startswith' ? whole.startsWith(part) : whole.endsWith(part));
        return;
      }
      case 'test': {
        const [whole, pattern] = text();
        try {
          yield result(new RegExp(pattern, 'u').test(whole));
        } catch {
          this.#fail(`${JSON.stringify(pattern)} is no pattern`, line);
        }
      }
    }
  }
}

/** All results of a program. Throws E_COMPOSE. */
export function evaluate(program: Node, value: unknown, file: string): unknown[] {
  const items = new Evaluator({ file }).run(program, { value, path: [] }, new Map());
  return [...items].map((item) => item.value);
}

/** Tokens to a syntax tree. */
import type { Argument, Assertion, Bind, Clause, Field, Node, Param, Visibility } from './ast.ts';
import { JsonnetError } from './error.ts';
import { lex, type Token } from './lex.ts';
import { TokenReader } from './token-reader.ts';

/** Higher binds tighter. */
const PRECEDENCE: Record<string, number> = Object.fromEntries(
  ['||', '&&', '|', '^', '&', '== !=', '< > <= >= in', '<< >>', '+ -', '* / %'].flatMap((operators, index) =>
    operators.split(' ').map((operator) => [operator, index + 1]),
  ),
);
const PREFIXES = new Set(['-', '+', '!', '~']);
const FIELD_OPERATOR = /^(\+?)(:{1,3})$/;
/** Deeper nesting than any person writes, and less than the stack can take. */
const MAX_DEPTH = 500;

export function parse(text: string, file: string): Node {
  const parser = new Parser(lex(text, file));
  const node = parser.expression();
  parser.expect('end');
  return node;
}

class Parser extends TokenReader {
  #depth = 0;

  expression(minimum = 0): Node {
    if (++this.#depth > MAX_DEPTH) throw new JsonnetError('This is nested too deeply', this.peek().at);
    try {
      return this.#statement() ?? this.#binary(minimum);
    } finally {
      this.#depth--;
    }
  }

  /** What begins with a keyword and reaches as far as it can. */
  #statement(): Node | undefined {
    const { kind, text, at } = this.peek();
    if (kind !== 'keyword') return undefined;
    switch (text) {
      case 'local': {
        this.take();
        const binds = this.#binds();
        this.need(';');
        return { type: 'local', binds, body: this.expression(), at };
      }
      case 'if': {
        this.take();
        const condition = this.expression();
        this.need('then');
        const then = this.expression();
        return { type: 'if', condition, then, else: this.accept('else') ? this.expression() : undefined, at };
      }
      case 'function': {
        this.take();
        const params = this.#params();
        return { type: 'function', params, body: this.expression(), at };
      }
      case 'assert': {
        const assertion = this.#assertion();
        this.need(';');
        return { type: 'assert', assertion, body: this.expression(), at };
      }
      case 'error':
        this.take();
        return { type: 'error', message: this.expression(), at };
      case 'importbin':
        throw new JsonnetError('importbin is not supported: patterns are text', at);
      case 'import':
      case 'importstr': {
        this.take();
        const path = this.expression();
        if (path.type !== 'literal' || typeof path.value !== 'string')
          throw new JsonnetError(`What ${text} names must be a plain string`, path.at);
        return { type: 'import', path: path.value, asText: text === 'importstr', at };
      }
    }
    return undefined;
  }

  #binary(minimum: number): Node {
    let left = this.#unary();
    for (;;) {
      const { text: operator, at } = this.peek();
      const precedence = this.is(operator) ? (PRECEDENCE[operator] ?? 0) : 0;
      if (precedence === 0 || precedence <= minimum) return left;
      this.take();
      if (operator === 'in' && this.is('super') && !['.', '['].includes(this.peek(1).text)) {
        this.take();
        left = { type: 'inSuper', name: left, at };
        continue;
      }
      left = { type: 'binary', operator, left, right: this.expression(precedence), at };
    }
  }

  #unary(): Node {
    const { kind, text: operator, at } = this.peek();
    if (kind !== 'operator' || !PREFIXES.has(operator)) return this.#postfix(this.#primary());
    this.take();
    if (++this.#depth > MAX_DEPTH) throw new JsonnetError('This is nested too deeply', at);
    const value = this.#statement() ?? this.#unary();
    this.#depth--;
    return { type: 'unary', operator, value, at };
  }

  #postfix(start: Node): Node {
    let node = start;
    for (;;) {
      const { at } = this.peek();
      if (this.accept('.')) {
        const name = this.expect('name');
        node = { type: 'index', target: node, index: { type: 'literal', value: name.text, at: name.at }, at };
      } else if (this.accept('[')) node = this.#subscript(node);
      else if (this.accept('(')) {
        const args = this.list(')', () => this.#argument());
        node = { type: 'call', target: node, args, strict: this.accept('tailstrict'), at };
      } else if (this.is('{'))
        node = { type: 'binary', operator: '+', left: node, right: this.#primary(), at };
      else return node;
    }
  }

  #subscript(target: Node): Node {
    const { at } = this.peek();
    const bounds: (Node | undefined)[] = [undefined];
    while (!this.accept(']')) {
      if (bounds.length < 3 && this.accept(':')) bounds.push(undefined);
      else if (bounds.length < 2 && this.accept('::')) bounds.push(undefined, undefined);
      else if (bounds.at(-1) === undefined) bounds[bounds.length - 1] = this.expression();
      else throw this.unexpected('`]`');
    }
    const [from, to, step] = bounds;
    if (bounds.length > 1) return { type: 'slice', target, from, to, step, at };
    if (from === undefined) throw new JsonnetError('The index is missing', at);
    return { type: 'index', target, index: from, at };
  }

  #primary(): Node {
    const token = this.take();
    const { at, text } = token;
    if (token.kind === 'number') return { type: 'literal', value: token.value, at };
    if (token.kind === 'string') return { type: 'literal', value: text, at };
    if (token.kind === 'name') return { type: 'name', name: text, at };
    if (token.kind !== 'end')
      switch (text) {
        case 'null':
          return { type: 'literal', value: null, at };
        case 'true':
        case 'false':
          return { type: 'literal', value: text === 'true', at };
        case 'self':
          return { type: 'self', at };
        case '$':
          return { type: 'root', at };
        case 'super': {
          if (this.accept('.')) {
            const name = this.expect('name');
            return { type: 'super', index: { type: 'literal', value: name.text, at: name.at }, at };
          }
          this.need('[');
          const index = this.expression();
          this.need(']');
          return { type: 'super', index, at };
        }
        case '(': {
          const node = this.expression();
          this.need(')');
          return node;
        }
        case '[':
          return this.#array(token);
        case '{':
          return this.#object(token);
      }
    throw this.unexpected('a value', token);
  }

  #array({ at }: Token): Node {
    if (this.accept(']')) return { type: 'array', items: [], at };
    const first = this.expression();
    this.accept(',');
    if (this.is('for')) return { type: 'arrayComprehension', item: first, clauses: this.#clauses(']'), at };
    if (!this.is(']') && this.last!.text !== ',') throw this.unexpected('`,` or `]`');
    return { type: 'array', items: [first, ...this.list(']', () => this.expression())], at };
  }

  #clauses(close: string): Clause[] {
    const clauses: Clause[] = [];
    while (!this.accept(close)) {
      if (this.accept('for')) {
        const name = this.expect('name').text;
        this.need('in');
        clauses.push({ name, value: this.expression() });
      } else if (clauses.length > 0 && this.accept('if'))
        clauses.push({ name: undefined, value: this.expression() });
      else throw this.unexpected(`\`for\`, \`if\` or \`${close}\``);
    }
    return clauses;
  }

  #object({ at }: Token): Node {
    const locals: Bind[] = [];
    const asserts: Assertion[] = [];
    const fields: Field[] = [];
    while (!this.accept('}')) {
      if (this.is('for')) {
        const [field] = fields;
        if (field === undefined || fields.length > 1 || asserts.length > 0)
          throw new JsonnetError('An object comprehension has exactly one field', at);
        const clauses = this.#clauses('}');
        return { type: 'objectComprehension', locals, field, clauses, at };
      }
      if (this.accept('local')) locals.push(this.#bind());
      else if (this.is('assert')) asserts.push(this.#assertion());
      else fields.push(this.#field());
      if (!this.is('}') && !this.is('for') && !this.accept(',')) throw this.unexpected('`,` or `}`');
    }
    return { type: 'object', locals, asserts, fields, at };
  }

  #field(): Field {
    const name = this.#fieldName();
    const params = this.is('(') ? this.#params() : undefined;
    const [, plus, visibility] = FIELD_OPERATOR.exec(this.peek().text) ?? [];
    if (this.peek().kind !== 'operator' || visibility === undefined) throw this.unexpected('`:`');
    const { at } = this.take();
    if (params !== undefined && plus === '+') throw new JsonnetError('A function cannot be added to', at);
    const value = this.expression();
    return {
      ...{ name, visibility: visibility as Visibility, plus: plus === '+' },
      body: params === undefined ? value : { type: 'function', params, body: value, at },
    };
  }

  #fieldName(): Node {
    const { kind, text, at } = this.peek();
    if (kind === 'name' || kind === 'string') {
      this.take();
      return { type: 'literal', value: text, at };
    }
    if (!this.accept('[')) throw this.unexpected('a field');
    const name = this.expression();
    this.need(']');
    return name;
  }

  #assertion(): Assertion {
    this.need('assert');
    const condition = this.expression();
    return { condition, message: this.accept(':') ? this.expression() : undefined };
  }

  #binds(): Bind[] {
    const binds = [this.#bind()];
    while (this.accept(',')) binds.push(this.#bind());
    return binds;
  }

  #bind(): Bind {
    const { text: name, at } = this.expect('name');
    const params = this.is('(') ? this.#params() : undefined;
    this.need('=');
    const value = this.expression();
    return { name, value: params === undefined ? value : { type: 'function', params, body: value, at } };
  }

  #params(): Param[] {
    this.need('(');
    return this.list(')', () => ({
      name: this.expect('name').text,
      fallback: this.accept('=') ? this.expression() : undefined,
    }));
  }

  #argument(): Argument {
    const named = this.peek().kind === 'name' && this.peek(1).text === '=';
    if (!named || this.peek(1).kind !== 'operator') return { name: undefined, value: this.expression() };
    const name = this.take().text;
    this.take();
    return { name, value: this.expression() };
  }
}

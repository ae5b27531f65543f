/** Programs that change a document: the part of jq's language that yq has too, with the same meaning in both. */
import { OsmithError } from '../errors.ts';

export type Node =
  | { kind: 'identity' }
  | { kind: 'literal'; value: unknown }
  | { kind: 'variable'; name: string }
  | { kind: 'field'; of: Node; key: Node }
  | { kind: 'slice'; of: Node; from: Node | undefined; to: Node | undefined }
  | { kind: 'each'; of: Node }
  | { kind: 'array'; items: Node | undefined }
  | { kind: 'object'; entries: { key: Node; value: Node }[] }
  | { kind: 'pipe' | 'comma'; left: Node; right: Node }
  | { kind: 'bind'; value: Node; name: string; body: Node }
  | { kind: 'binary'; operator: string; left: Node; right: Node }
  | { kind: 'assign'; operator: string; left: Node; right: Node }
  | { kind: 'call'; name: string; args: Node[]; line: number };

interface Token {
  kind: 'word' | 'string' | 'number' | 'variable' | 'operator' | 'end';
  text: string;
  line: number;
}

const TOKEN =
  /(?:\s|#[^\n]*)*(?:(?<string>"(?:[^"\\]|\\.)*")|(?<number>\d+(?:\.\d+)?)|\$(?<variable>[A-Za-z_]\w*)|(?<word>[A-Za-z_]\w*)|(?<operator>\|=|\+=|-=|==|!=|<=|>=|\/\/|[-.[\]{}()|,:;+<>=]))/y;

function tokens(text: string, file: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (!/^(?:\s|#[^\n]*)*$/.test(text.slice(TOKEN.lastIndex))) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    const before = match === null ? start + /^\s*/.exec(text.slice(start))![0].length : TOKEN.lastIndex;
    const line = text.slice(0, before).split('\n').length;
    if (match === null)
      throw fault(file, line, `Cannot read ${JSON.stringify(text.slice(start).trim().slice(0, 20))}`);
    const [kind, value] = Object.entries(match.groups!).find(([, each]) => each !== undefined)!;
    found.push({ kind: kind as Token['kind'], text: value, line });
  }
  return [...found, { kind: 'end', text: 'the end', line: text.split('\n').length }];
}

export function fault(file: string, line: number, message: string): OsmithError {
  return new OsmithError('E_COMPOSE', message, {
    where: { file, line },
    hint: 'docs/templates.md lists what modifiers can do',
  });
}

/** How many arguments each function takes. */
export const FUNCTIONS: Record<string, number[]> = {
  ...{ del: [1], select: [1], test: [1], map: [1], first: [0, 1], limit: [2], length: [0], keys: [0] },
  ...{ to_entries: [0], not: [0], has: [1], startswith: [1], endswith: [1], empty: [0], last: [0] },
};

class Parser {
  readonly #tokens: Token[];
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#tokens = tokens(text, file);
    this.#file = file;
  }

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }

  #is(...texts: string[]): boolean {
    const { kind, text } = this.#next;
    return (kind === 'operator' || kind === 'word') && texts.includes(text);
  }

  #take(...texts: string[]): boolean {
    if (!this.#is(...texts)) return false;
    this.#at += 1;
    return true;
  }

  #need(text: string): void {
    if (this.#take(text)) return;
    throw fault(this.#file, this.#next.line, `Expected ${text} instead of ${this.#next.text}`);
  }

  program(): Node {
    const node = this.#pipe();
    if (this.#next.kind === 'end') return node;
    throw fault(this.#file, this.#next.line, `${this.#next.text} was not expected here`);
  }

  #pipe(): Node {
    const left = this.#comma();
    if (this.#take('as')) {
      const { kind, text: name } = this.#next;
      if (kind !== 'variable') throw fault(this.#file, this.#next.line, `Expected $NAME instead of ${name}`);
      this.#at += 1;
      this.#need('|');
      return { kind: 'bind', value: left, name, body: this.#pipe() };
    }
    return this.#take('|') ? { kind: 'pipe', left, right: this.#pipe() } : left;
  }

  #comma(): Node {
    let left = this.#alternative();
    while (this.#take(',')) left = { kind: 'comma', left, right: this.#alternative() };
    return left;
  }

  /** Binds to the right, and less than an assignment. */
  #alternative(): Node {
    const left = this.#assignment();
    return this.#take('//') ? { kind: 'binary', operator: '//', left, right: this.#alternative() } : left;
  }

  #assignment(): Node {
    const left = this.#binary(0);
    const { text: operator } = this.#next;
    if (!this.#take('=', '|=', '+=', '-=')) return left;
    return { kind: 'assign', operator, left, right: this.#binary(0) };
  }

  static readonly #LEVELS = [['or'], ['and'], ['==', '!=', '<', '<=', '>', '>='], ['+', '-']];

  #binary(level: number): Node {
    const operators = Parser.#LEVELS[level];
    if (operators === undefined) return this.#postfix();
    let left = this.#binary(level + 1);
    while (this.#is(...operators)) {
      const operator = this.#next.text;
      this.#at += 1;
      left = { kind: 'binary', operator, left, right: this.#binary(level + 1) };
    }
    return left;
  }

  #postfix(): Node {
    let node = this.#term();
    for (;;) {
      if (this.#is('.') && ['word', 'string'].includes(this.#tokens[this.#at + 1]!.kind)) {
        this.#at += 1;
        node = { kind: 'field', of: node, key: { kind: 'literal', value: this.#name() } };
      } else if (this.#is('.') && this.#tokens[this.#at + 1]!.text === '[') this.#at += 1;
      else if (this.#take('[')) node = this.#index(node);
      else return node;
    }
  }

  #name(): string {
    const { kind, text } = this.#next;
    this.#at += 1;
    return kind === 'string' ? (JSON.parse(text) as string) : text;
  }

  #index(of: Node): Node {
    if (this.#take(']')) return { kind: 'each', of };
    const from = this.#is(':') ? undefined : this.#pipe();
    if (!this.#take(':')) {
      this.#need(']');
      return { kind: 'field', of, key: from! };
    }
    const to = this.#is(']') ? undefined : this.#pipe();
    this.#need(']');
    return { kind: 'slice', of, from, to };
  }

  #term(): Node {
    const { kind, text, line } = this.#next;
    if (kind === 'string' || kind === 'number') {
      this.#at += 1;
      return { kind: 'literal', value: JSON.parse(text) as unknown };
    }
    if (kind === 'variable') {
      this.#at += 1;
      return { kind: 'variable', name: text };
    }
    if (this.#take('(')) {
      const inner = this.#pipe();
      this.#need(')');
      return inner;
    }
    if (this.#take('[')) return this.#array();
    if (this.#take('{')) return this.#object();
    if (this.#take('-'))
      return {
        ...{ kind: 'binary', operator: '-' },
        left: { kind: 'literal', value: 0 },
        right: this.#postfix(),
      };
    if (this.#take('.')) {
      if (!['word', 'string'].includes(this.#next.kind) || this.#is('as', 'and', 'or'))
        return { kind: 'identity' };
      return { kind: 'field', of: { kind: 'identity' }, key: { kind: 'literal', value: this.#name() } };
    }
    if (kind === 'word') return this.#word(text, line);
    throw fault(this.#file, line, `${text} was not expected here`);
  }

  #array(): Node {
    if (this.#take(']')) return { kind: 'array', items: undefined };
    const items = this.#pipe();
    this.#need(']');
    return { kind: 'array', items };
  }

  #object(): Node {
    const entries: { key: Node; value: Node }[] = [];
    while (!this.#take('}')) {
      const key: Node = this.#is('(') ? this.#term() : { kind: 'literal', value: this.#name() };
      this.#need(':');
      entries.push({ key, value: this.#binary(0) });
      if (!this.#is('}')) this.#need(',');
    }
    return { kind: 'object', entries };
  }

  #word(name: string, line: number): Node {
    this.#at += 1;
    const constants: Record<string, unknown> = { true: true, false: false, null: null };
    if (Object.hasOwn(constants, name)) return { kind: 'literal', value: constants[name] };
    const args: Node[] = [];
    if (this.#take('(')) {
      do args.push(this.#pipe());
      while (this.#take(';'));
      this.#need(')');
    }
    if (FUNCTIONS[name]?.includes(args.length)) return { kind: 'call', name, args, line };
    throw fault(this.#file, line, `There is no function ${name} with ${args.length} arguments`);
  }
}

/** Throws E_COMPOSE with the line. */
export function parseProgram(text: string, file: string): Node {
  return new Parser(text, file).program();
}

/** Reading tokens one after the other. */
import { JsonnetError } from './error.ts';
import type { Token } from './lex.ts';

export class TokenReader {
  #tokens: Token[];
  #next = 0;

  constructor(tokens: Token[]) {
    this.#tokens = tokens;
  }

  /** The next token, or one after it. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]!;
  }

  /** The token taken last. */
  get last(): Token | undefined {
    return this.#tokens[this.#next - 1];
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#next++;
    return token;
  }

  is(text: string): boolean {
    const token = this.peek();
    return (token.kind === 'operator' || token.kind === 'keyword') && token.text === text;
  }

  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.take();
    return true;
  }

  unexpected(wanted: string, token = this.peek()): JsonnetError {
    const { kind, text, at } = token;
    const found = kind === 'end' ? text : kind === 'string' ? 'a string' : `\`${text}\``;
    return new JsonnetError(`Expected ${wanted}, found ${found}`, at);
  }

  need(text: string): Token {
    if (!this.is(text)) throw this.unexpected(`\`${text}\``);
    return this.take();
  }

  expect(kind: Token['kind']): Token {
    if (this.peek().kind !== kind)
      throw this.unexpected(kind === 'end' ? 'the end of the file' : `a ${kind}`);
    return this.take();
  }

  /** Comma separated, up to the closing symbol; a comma at the end is fine. */
  list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.accept(close)) {
      items.push(item());
      if (!this.is(close) && !this.accept(',')) throw this.unexpected(`\`,\` or \`${close}\``);
    }
    return items;
  }
}

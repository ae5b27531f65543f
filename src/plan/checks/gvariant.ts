/**
 * Whether a text is a value as GSettings writes them: GVariant's text format. What is found is told with the place in the
 * text. Types are compared roughly: a number is a number.
 */

class BadVariant extends Error {}

/** Enough to see that the elements of an array differ. */
type Shape = 'string' | 'number' | 'boolean' | 'array' | 'dictionary' | 'tuple' | 'variant' | 'maybe';

interface Value {
  shape: Shape;
  /** Whether its type can be told: that of [] cannot, unless @as or a value beside it says so. */
  typed: boolean;
}

const TYPED: Record<string, Shape> = {
  ...{ boolean: 'boolean', string: 'string', objectpath: 'string', signature: 'string' },
  ...Object.fromEntries(
    ['byte', 'int16', 'uint16', 'int32', 'uint32', 'handle', 'int64', 'uint64', 'double'].map(
      (name) => [name, 'number'] as const,
    ),
  ),
};
const NUMBER = /^[+-]?(?:0x[0-9a-f]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|nan)(?![\w.])/iu;
/** One complete type after `@`. */
const TYPE = /^@(?:[abdhginoqstuvxy(){}m]+)(?=[\s[('"<{@\d+\-.a-z])/u;

class Parser {
  private rest: string;

  constructor(text: string) {
    this.rest = text;
  }

  whole(): void {
    const { typed } = this.value();
    this.space();
    if (this.rest !== '') this.fail('something follows the value');
    if (!typed) this.fail('its type is open: write it before, as in @as []');
  }

  private fail(what: string): never {
    const near = this.rest === '' ? 'at its end' : `at ${JSON.stringify(this.rest.slice(0, 20))}`;
    throw new BadVariant(`${what}, ${near}`);
  }

  private space(): void {
    this.rest = this.rest.trimStart();
  }

  private take(pattern: RegExp): string | undefined {
    this.space();
    const found = pattern.exec(this.rest)?.[0];
    if (found !== undefined) this.rest = this.rest.slice(found.length);
    return found;
  }

  private sees(text: string): boolean {
    this.space();
    if (!this.rest.startsWith(text)) return false;
    this.rest = this.rest.slice(text.length);
    return true;
  }

  private value(): Value {
    this.space();
    if (this.take(TYPE) !== undefined) return { ...this.value(), typed: true };
    if (this.take(NUMBER) !== undefined) return { shape: 'number', typed: true };
    if (this.take(/^b(?=['"])/u) !== undefined) return this.string('array');
    if (/^['"]/u.test(this.rest)) return this.string('string');
    const word = this.take(/^[a-z]\w*/u);
    if (word !== undefined) return this.word(word);
    if (this.sees('[')) return this.array();
    if (this.sees('(')) return this.tuple();
    if (this.sees('{')) return this.dictionary();
    if (this.sees('<')) return this.variant();
    return this.fail('expected a value; text stands in quotes');
  }

  private word(word: string): Value {
    if (word === 'true' || word === 'false') return { shape: 'boolean', typed: true };
    if (word === 'nothing') return { shape: 'maybe', typed: false };
    if (word === 'just') return { shape: 'maybe', typed: this.value().typed };
    const shape = Object.hasOwn(TYPED, word) ? TYPED[word] : undefined;
    if (shape === undefined) return this.fail(`${word} is no value; text stands in quotes`);
    return this.value().shape === shape ? { shape, typed: true } : this.fail(`not a ${word}`);
  }

  private string(shape: Shape): Value {
    const found = this.take(/^(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")/su);
    return found === undefined ? this.fail('the closing quote is missing') : { shape, typed: true };
  }

  private array(): Value {
    if (this.sees(']')) return { shape: 'array', typed: false };
    const first = this.value();
    let { typed } = first;
    while (!this.sees(']')) {
      if (!this.sees(',')) this.fail('expected , or ]');
      const next = this.value();
      if (next.shape !== first.shape) this.fail(`a ${next.shape} in an array of ${first.shape}s`);
      typed ||= next.typed;
    }
    return { shape: 'array', typed };
  }

  private tuple(): Value {
    const values: Value[] = [];
    while (!this.sees(')')) {
      values.push(this.value());
      if (this.sees(',')) continue;
      if (values.length < 2) this.fail('expected , as in (value,)');
      if (!this.sees(')')) this.fail('expected , or )');
      break;
    }
    return { shape: 'tuple', typed: values.every(({ typed }) => typed) };
  }

  private dictionary(): Value {
    if (this.sees('}')) return { shape: 'dictionary', typed: false };
    this.key();
    // One entry, {key, value}, is a type of its own.
    if (this.sees(',')) {
      const { typed } = this.value();
      return this.sees('}') ? { shape: 'tuple', typed } : this.fail('expected }');
    }
    for (let typed = false; ;) {
      if (!this.sees(':')) this.fail('expected :');
      typed = this.value().typed || typed;
      if (this.sees('}')) return { shape: 'dictionary', typed };
      if (!this.sees(',')) this.fail('expected , or }');
      this.key();
    }
  }

  private key(): void {
    const { shape } = this.value();
    if (!['string', 'number', 'boolean'].includes(shape)) this.fail(`a ${shape} cannot be a key`);
  }

  private variant(): Value {
    if (!this.value().typed) this.fail('its type is open: write it before, as in @as []');
    return this.sees('>') ? { shape: 'variant', typed: true } : this.fail('expected >');
  }
}

/** What is wrong with a value; undefined if nothing is. */
export function variantFault(text: string): string | undefined {
  try {
    new Parser(text).whole();
    return undefined;
  } catch (error) {
    if (error instanceof BadVariant) return error.message;
    throw error;
  }
}

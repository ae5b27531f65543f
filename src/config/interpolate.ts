/**
 * ExtendedInterpolation of Python's configparser: `${option}`, `${section:option}`, `$$` for a dollar sign.
 * A chain of more than ten references is an error, which also catches cycles.
 *
 * Better than Python, on purpose: so is a value that takes very many references, since a few lines that refer to each
 * other many times would otherwise run forever.
 */
const MAX_DEPTH = 10;
const MAX_REFERENCES = 10_000;
const REFERENCE = /\$\{([^}]+)\}/uy;

/** The value as written, or undefined if there is no such option. */
export type Lookup = (section: string, option: string) => string | undefined;

export interface Reference {
  section: string;
  option: string;
}

/** `at` is the option whose text is wrong, which need not be the one that was asked for. */
export class InterpolationError extends Error {
  readonly kind: 'missing' | 'syntax' | 'depth';
  readonly at: Reference;
  /** What it refers to, if that is not set. */
  readonly target: Reference | undefined;

  constructor(kind: InterpolationError['kind'], at: Reference, message: string, target?: Reference) {
    super(message);
    this.kind = kind;
    this.at = at;
    this.target = target;
  }
}

export function interpolate(lookup: Lookup, at: Reference, value: string): string {
  return expand({ lookup, left: MAX_REFERENCES }, at, value, [name(at)]);
}

interface Expansion {
  lookup: Lookup;
  /** How many more references there may be. */
  left: number;
}

function expand(expansion: Expansion, at: Reference, value: string, chain: string[]): string {
  if (chain.length > MAX_DEPTH) {
    throw new InterpolationError('depth', at, depthText(chain));
  }
  const pieces = tokens(value).map((token) => {
    if (token.kind === 'text') return token.text;
    if (token.kind === 'bad') throw new InterpolationError('syntax', at, BAD_SYNTAX);
    const target = referenceTarget(token.text, at);
    if (target === undefined) {
      throw new InterpolationError('syntax', at, `More than one ':' in \${${token.text}}`);
    }
    if (expansion.left-- === 0) {
      throw new InterpolationError('depth', at, `The value takes more than ${MAX_REFERENCES} references`);
    }
    const found = expansion.lookup(target.section, target.option);
    if (found === undefined) {
      throw new InterpolationError(
        'missing',
        at,
        `\${${token.text}} refers to an option that is not set`,
        target,
      );
    }
    return found.includes('$') ? expand(expansion, target, found, [...chain, name(target)]) : found;
  });
  return pieces.join('');
}

/** A circle once around, or the whole chain. */
function depthText(chain: string[]): string {
  const start = chain.findIndex((each, index) => chain.indexOf(each, index + 1) > 0);
  if (start < 0) return `More than ${MAX_DEPTH} references one after another: ${chain.join(' -> ')}`;
  const circle = chain.slice(start, chain.indexOf(chain[start]!, start + 1) + 1);
  return `References go in a circle: ${circle.join(' -> ')}`;
}

const BAD_SYNTAX = "A '$' must be followed by '$' or by '{name}'";

function name({ section, option }: Reference): string {
  return `${section}:${option}`;
}

/** The options that a value refers to. */
export function references(value: string, at: Reference): Reference[] {
  return tokens(value).flatMap((token) =>
    token.kind === 'reference' ? (referenceTarget(token.text, at) ?? []) : [],
  );
}

function referenceTarget(text: string, at: Reference): Reference | undefined {
  const [first = '', second, ...more] = text.split(':');
  if (more.length > 0) return undefined;
  return second === undefined
    ? { section: at.section, option: first.toLowerCase() }
    : { section: first, option: second.toLowerCase() };
}

interface Token {
  kind: 'text' | 'reference' | 'bad';
  text: string;
}

function tokens(value: string): Token[] {
  const result: Token[] = [];
  let position = 0;
  while (position < value.length) {
    const dollar = value.indexOf('$', position);
    if (dollar < 0) return [...result, { kind: 'text', text: value.slice(position) }];
    result.push({ kind: 'text', text: value.slice(position, dollar) });
    REFERENCE.lastIndex = dollar;
    const reference = REFERENCE.exec(value);
    if (reference !== null) {
      result.push({ kind: 'reference', text: reference[1]! });
      position = dollar + reference[0].length;
    } else if (value[dollar + 1] === '$') {
      result.push({ kind: 'text', text: '$' });
      position = dollar + 2;
    } else {
      return [...result, { kind: 'bad', text: '' }];
    }
  }
  return result;
}

/**
 * What is wrong with the dollar signs of a value, if anything. Python looks at this when a value is stored, before
 * it is ever used, and by a simpler rule than when it is used.
 */
export function dollarFault(value: string): string | undefined {
  const rest = value.replaceAll('$$', '').replaceAll(/\$\{[^}]+\}/gu, '');
  return rest.includes('$') ? BAD_SYNTAX : undefined;
}

/** A text as a value that interpolates to that text. */
export function escapeDollars(text: string): string {
  return text.replaceAll('$', '$$$$');
}

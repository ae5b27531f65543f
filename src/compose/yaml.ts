/**
 * YAML as linuxkit reads it, with the place of everything. linuxkit's reader (Go, yaml.v3) is neither YAML 1.1 nor 1.2:
 * `yes` is a word, `0644` is 420, anchors and `<<` work. All scalars are read as text here and given their type by those
 * rules.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  Scalar,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import { OsmithError, type Where } from '../errors.ts';

/** A value of a YAML document. Integers that a number cannot hold exactly are BigInts. */
export type Value = null | boolean | number | bigint | string | Value[] | Mapping;
export interface Mapping {
  [key: string]: Value;
}

/** Where a value and the keys of a mapping or items of a list stand. */
interface Place {
  own: Where;
  inner: Map<string | number, Where>;
}

const places = new WeakMap<object, Place>();

/** Where a value stands that `parseYaml` made; or one of its keys or items. */
export function whereOf(value: unknown, key?: string | number): Where | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const place = places.get(value);
  return key === undefined ? place?.own : (place?.inner.get(key) ?? place?.own);
}

/** Values that a document may have after its aliases are put in: a few lines can otherwise make billions. */
const MAX_VALUES = 200_000;

const INTEGER = /^[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[0-9][0-9_]*)$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const WORDS = new Map<string, Value>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word): [string, Value] => [word, null]),
  ...['true', 'True', 'TRUE'].map((word): [string, Value] => [word, true]),
  ...['false', 'False', 'FALSE'].map((word): [string, Value] => [word, false]),
]);

function integer(text: string): number | bigint | undefined {
  const digits = text.replace(/^[-+]/, '').replaceAll('_', '');
  if (digits === '') return undefined;
  const octal = /^0[0-7]+$/.test(digits);
  let value: bigint;
  try {
    value = BigInt(octal ? `0o${digits}` : digits.toLowerCase());
  } catch {
    return undefined;
  }
  if (text.startsWith('-')) value = -value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The value of a scalar without quotes. */
export function plainScalar(text: string): Value {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (INTEGER.test(text)) {
    const value = integer(text);
    // `089` is no octal number, so it is a word.
    if (value !== undefined && !/^[-+]?0[0-9_]*[89]/.test(text)) return value;
    return text;
  }
  if (FLOAT.test(text)) return Number(text);
  if (/^[-+]?\.inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return /^\.nan$/i.test(text) ? NaN : text;
}

class Reader {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #document: Document;
  #values = 0;
  #open = new Set<Node>();

  constructor(file: string, lines: LineCounter, document: Document) {
    this.#file = file;
    this.#lines = lines;
    this.#document = document;
  }

  #where(node: Node | null | undefined): Where {
    const offset = node?.range?.[0];
    return { file: this.#file, ...(offset === undefined ? {} : { line: this.#lines.linePos(offset).line }) };
  }

  #fault(message: string, node: Node | null, hint: string): OsmithError {
    return new OsmithError('E_COMPOSE', message, { where: this.#where(node), hint });
  }

  read(node: Node | null): Value {
    this.#values += 1;
    if (this.#values > MAX_VALUES) {
      throw this.#fault('The aliases of this file stand for too much', node, 'Use fewer anchors and aliases');
    }
    if (node === null) return null;
    if (isAlias(node)) return this.#alias(node);
    if (this.#open.has(node)) throw this.#fault('An anchor contains itself', node, 'Remove the alias');
    this.#open.add(node);
    try {
      if (isMap(node)) return this.#mapping(node.items as Pair<Node, Node | null>[], node);
      if (isSeq(node)) return this.#list(node.items as Node[], node);
      return this.#scalar(node);
    } finally {
      this.#open.delete(node);
    }
  }

  #alias(node: Node): Value {
    const target = isAlias(node) ? node.resolve(this.#document) : undefined;
    if (target === undefined)
      throw this.#fault('This alias has no anchor', node, 'Define it before it is used');
    return this.read(target);
  }

  #scalar(node: Scalar): Value {
    const text = typeof node.value === 'string' ? node.value : '';
    const tag = node.tag;
    if (tag === undefined)
      return node.type === Scalar.PLAIN || node.type === undefined ? plainScalar(text) : text;
    if (tag === 'tag:yaml.org,2002:str' || tag === '!') return text;
    if (['int', 'float', 'bool', 'null'].some((name) => tag === `tag:yaml.org,2002:${name}`)) {
      return plainScalar(text);
    }
    throw this.#fault(`The tag ${tag} means nothing here`, node, 'Remove it');
  }

  #list(items: Node[], node: Node): Value[] {
    const list = items.map((item) => this.read(item));
    const inner = new Map(items.map((item, i): [number, Where] => [i, this.#where(item)]));
    places.set(list, { own: this.#where(node), inner });
    return list;
  }

  #mapping(items: Pair<Node, Node | null>[], node: Node): Mapping {
    const mapping = Object.create(null) as Mapping;
    const inner = new Map<string | number, Where>();
    const merged: Pair<Node, Node | null>[] = [];
    for (const pair of items) {
      const { key, value } = pair;
      if (!isScalar(key)) throw this.#fault('A key must be a word', key, 'Write KEY: VALUE');
      const name = String(key.value);
      if (name === '<<' && key.type === Scalar.PLAIN) {
        merged.push(pair);
        continue;
      }
      mapping[name] = this.read(value);
      inner.set(name, this.#where(key));
    }
    for (const { key, value } of merged) this.#merge(mapping, inner, key, this.read(value));
    places.set(mapping, { own: this.#where(node), inner });
    return mapping;
  }

  /** `<<`: what the mapping does not have itself is taken from others. */
  #merge(mapping: Mapping, inner: Map<string | number, Where>, key: Node, value: Value): void {
    for (const source of Array.isArray(value) ? value : [value]) {
      if (source === null || typeof source !== 'object' || Array.isArray(source)) {
        throw this.#fault('<< needs a mapping or a list of mappings', key, 'Write <<: *ANCHOR');
      }
      for (const [name, each] of Object.entries(source)) {
        if (Object.hasOwn(mapping, name)) continue;
        mapping[name] = each;
        inner.set(name, whereOf(source, name)!);
      }
    }
  }
}

/** Parses one document. Throws E_COMPOSE with the line of the first fault. `file` is for messages. */
export function parseYaml(text: string, file: string): Value {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, schema: 'failsafe', prettyErrors: false });
  if (!Array.isArray(documents)) return null;
  const [document, second] = documents;
  if (document === undefined) return null;
  const fault = document.errors[0];
  if (fault !== undefined) {
    throw new OsmithError('E_COMPOSE', `This is not YAML: ${fault.message}`, {
      where: { file, line: lines.linePos(fault.pos[0]).line },
      hint: HINTS[fault.code] ?? 'Mend the line; indentation is by spaces',
    });
  }
  if (second !== undefined) {
    const line = lines.linePos(second.range[0]).line;
    throw new OsmithError('E_COMPOSE', 'There is more than one document in this file', {
      where: { file, line },
      hint: 'Make a file of each and name them all',
    });
  }
  return new Reader(file, lines, document).read(document.contents);
}

const HINTS: Record<string, string> = {
  BAD_SCALAR_START: 'Put the value between quotes: it begins with a character that YAML keeps for itself',
  DUPLICATE_KEY: 'Keep one of them',
  TAB_AS_INDENT: 'Indent with spaces',
};

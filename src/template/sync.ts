/** Changes a YAML document so that it has a value, and keeps what it can: order, comments, and how things are written. */
import { isDeepStrictEqual } from 'node:util';
import {
  isMap,
  isScalar,
  isSeq,
  type Document,
  type Node,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';

type Json = Record<string, unknown>;

function valueOf(document: Document, node: unknown): unknown {
  return node === null || node === undefined ? null : (node as Node).toJS(document);
}

function isMapping(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The longest list of pairs of equal items that are in order in both lists. */
function commonItems(a: readonly unknown[], b: readonly unknown[]): [number, number][] {
  const length = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const equal = (i: number, j: number) => isDeepStrictEqual(a[i], b[j]);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      length[i]![j] = equal(i, j)
        ? length[i + 1]![j + 1]! + 1
        : Math.max(length[i + 1]![j]!, length[i]![j + 1]!);
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (equal(i, j)) pairs.push([i++, j++]);
    else if (length[i + 1]![j]! >= length[i]![j + 1]!) i += 1;
    else j += 1;
  }
  return pairs;
}

function syncSeq(document: Document, seq: YAMLSeq, value: readonly unknown[]): void {
  const items = [...seq.items] as (Node | null)[];
  const old = items.map((item) => valueOf(document, item));
  const pairs = new Map(commonItems(old, value).map(([i, j]) => [j, i]));
  const used = new Set(pairs.values());
  const names = (list: unknown) => (isMapping(list) ? list['name'] : undefined);
  seq.items = value.map((each, j) => {
    const kept = pairs.get(j);
    if (kept !== undefined) return items[kept];
    // What is called the same, or stands in the same place of a list as long, is the old one, changed.
    const named = old.findIndex(
      (item, i) => !used.has(i) && names(each) !== undefined && names(item) === names(each),
    );
    const i =
      named >= 0
        ? named
        : old.length === value.length && !used.has(j) && names(each) === names(old[j])
          ? j
          : -1;
    if (i < 0) return document.createNode(each);
    used.add(i);
    return sync(document, items[i], each);
  });
}

function syncMap(document: Document, map: YAMLMap, value: Json): void {
  map.items = map.items.filter(({ key }) => Object.hasOwn(value, isScalar(key) ? String(key.value) : ''));
  for (const [key, each] of Object.entries(value)) {
    const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
    if (pair === undefined) map.add(document.createPair(key, each));
    else pair.value = sync(document, pair.value as Node | null, each);
  }
}

/** The node, changed so that it has the value; or a new one in its place. */
function sync(document: Document, node: Node | null | undefined, value: unknown): unknown {
  if (isDeepStrictEqual(valueOf(document, node), value)) return node;
  if (isSeq(node) && Array.isArray(value)) syncSeq(document, node, value);
  else if (isMap(node) && isMapping(value)) syncMap(document, node, value);
  else if (isScalar(node) && (typeof value !== 'object' || value === null)) {
    const scalar: Scalar = node;
    scalar.value = value;
    // How the old value was written may mean something else for the new one.
    if (typeof value !== 'string') delete scalar.type;
    delete scalar.source;
  } else return document.createNode(value);
  return node;
}

/** Gives a document a value. */
export function syncDocument(document: Document, value: unknown): void {
  document.contents = sync(document, document.contents, value) as typeof document.contents;
}

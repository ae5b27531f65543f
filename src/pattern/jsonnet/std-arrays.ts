/** The standard library: arrays and sets. */
import { JsonnetError } from './error.ts';
import { slice } from './evaluate.ts';
import { callable, elements, type Library, list, number, predicate, text } from './native.ts';
import { compare, equals } from './operators.ts';
import { array, arrayOf, delay, force, ready, type Thunk, type Value } from './values.ts';

/** Sorts by key; equal ones keep their order. */
function sorted(items: Thunk[], key: Thunk): Thunk[] {
  const keyOf = keyFunction(key);
  return items
    .map((item) => ({ item, key: keyOf(item) }))
    .sort((a, b) => compare(a.key, b.key))
    .map(({ item }) => item);
}

/** `keyF`; null: the element itself. */
function keyFunction(thunk: Thunk): (item: Thunk) => Value {
  return force(thunk) === null ? force : callable(thunk);
}

/** Neighbours with equal keys become one. */
function unique(items: Thunk[], key: Thunk): Thunk[] {
  const keyOf = keyFunction(key);
  const kept: { item: Thunk; key: Value }[] = [];
  for (const item of items) {
    const entry = { item, key: keyOf(item) };
    if (kept.length === 0 || !equals(kept.at(-1)!.key, entry.key)) kept.push(entry);
  }
  return kept.map(({ item }) => item);
}

type Side = 'left' | 'right' | 'both';

/** Walks two sets side by side and keeps the elements of the sides that are asked for. */
function merge(a: Thunk, b: Thunk, key: Thunk, keep: readonly Side[]): Value {
  const keyOf = keyFunction(key);
  const entries = (set: Thunk) => elements(set).map((item) => ({ item, key: keyOf(item) }));
  const [left, right] = [entries(a), entries(b)];
  const result: Thunk[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const order = i >= left.length ? 1 : j >= right.length ? -1 : compare(left[i]!.key, right[j]!.key);
    const side: Side = order < 0 ? 'left' : order > 0 ? 'right' : 'both';
    if (keep.includes(side)) result.push(order > 0 ? right[j]!.item : left[i]!.item);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  return array(result);
}

/** The first element with the best key; for an empty array, what `onEmpty` says. */
function best(arr: Thunk, key: Thunk, onEmpty: Thunk, better: (order: number) => boolean): Value {
  const keyOf = keyFunction(key);
  const [first, ...rest] = list(arr).items;
  if (first === undefined) return force(onEmpty);
  let found = { item: first, key: keyOf(first) };
  for (const item of rest) {
    const candidate = { item, key: keyOf(item) };
    if (better(compare(candidate.key, found.key))) found = candidate;
  }
  return force(found.item);
}

function join(by: Thunk, arr: Thunk): Value {
  const items = list(arr).items.filter((item) => force(item) !== null);
  const separator = force(by);
  if (typeof separator === 'string') return items.map(text).join(separator);
  return array(items.flatMap((item, index) => [...(index > 0 ? list(by).items : []), ...list(item).items]));
}

function flattenDeep(thunk: Thunk): Thunk[] {
  const value = force(thunk);
  const isArray = value !== null && typeof value === 'object' && value.kind === 'array';
  return isArray ? value.items.flatMap(flattenDeep) : [thunk];
}

function deepJoin(thunk: Thunk): string {
  const value = force(thunk);
  return typeof value === 'string' ? value : list(thunk).items.map(deepJoin).join('');
}

function total(arr: Thunk): number {
  return list(arr).items.reduce((sum, item) => sum + number(item), 0);
}

/** Without lists so long that they cannot be meant. */
function size(thunk: Thunk): number {
  const value = number(thunk);
  if (!Number.isInteger(value) || value < 0 || value > 1_000_000)
    throw new JsonnetError(`${value} is not a sensible size`);
  return value;
}

function flatMap(func: Thunk, arr: Thunk): Value {
  const map = callable(func);
  if (typeof force(arr) === 'string')
    return elements(arr)
      .map((item) => text(ready(map(item))))
      .join('');
  return array(list(arr).items.flatMap((item) => list(ready(map(item))).items));
}

function fold(func: Thunk, items: Thunk[], initial: Thunk, swap: boolean): Value {
  const step = callable(func);
  return items.reduce<Value>(
    (sum, item) => (swap ? step(item, ready(sum)) : step(ready(sum), item)),
    force(initial),
  );
}

function removeAt(items: Thunk[], at: number): Value {
  return array(items.filter((_item, index) => index !== at));
}

const isEqualTo = (wanted: Thunk) => (item: Thunk) => equals(force(item), force(wanted));

export const arrayLibrary: Library = {
  'makeArray(sz, func)': (sz, func) => {
    const make = callable(func);
    return array(Array.from({ length: size(sz) }, (_item, index) => delay(() => make(ready(index)))));
  },
  'range(from, to)': (from, to) => {
    const start = number(from);
    const length = size(ready(Math.max(0, number(to) - start + 1)));
    return arrayOf(Array.from({ length }, (_item, index) => start + index));
  },
  'repeat(what, count)': (what, count) => {
    const value = force(what);
    if (typeof value === 'string') return value.repeat(size(count));
    const { items } = list(what);
    return array(Array.from({ length: size(count) }, () => items).flat());
  },
  'slice(indexable, index, end, step)': (indexable, index, end, step) =>
    slice(force(indexable), force(index), force(end), force(step)),
  'member(arr, x)': (arr, x) => {
    const value = force(arr);
    return typeof value === 'string' ? value.includes(text(x)) : list(arr).items.some(isEqualTo(x));
  },
  'contains(arr, elem)': (arr, elem) => list(arr).items.some(isEqualTo(elem)),
  'count(arr, x)': (arr, x) => list(arr).items.filter(isEqualTo(x)).length,
  'find(value, arr)': (value, arr) =>
    arrayOf(list(arr).items.flatMap((item, index) => (isEqualTo(value)(item) ? index : []))),
  'map(func, arr)': (func, arr) => {
    const map = callable(func);
    return array(elements(arr).map((item) => delay(() => map(item))));
  },
  'mapWithIndex(func, arr)': (func, arr) => {
    const map = callable(func);
    return array(elements(arr).map((item, index) => delay(() => map(ready(index), item))));
  },
  'filter(func, arr)': (func, arr) => array(list(arr).items.filter((item) => predicate(func)(item))),
  'filterMap(filter_func, map_func, arr)': (filter, func, arr) => {
    const map = callable(func);
    return array(
      list(arr)
        .items.filter((item) => predicate(filter)(item))
        .map((item) => delay(() => map(item))),
    );
  },
  'flatMap(func, arr)': flatMap,
  'foldl(func, arr, init)': (func, arr, init) => fold(func, elements(arr), init, false),
  'foldr(func, arr, init)': (func, arr, init) => fold(func, elements(arr).toReversed(), init, true),
  'join(sep, arr)': join,
  'deepJoin(arr)': deepJoin,
  'flattenArrays(arr)': (arr) => array(list(arr).items.flatMap((item) => list(item).items)),
  'flattenDeepArray(value)': (value) => array(flattenDeep(value)),
  'sort(arr, keyF=null)': (arr, key) => array(sorted(elements(arr), key)),
  'uniq(arr, keyF=null)': (arr, key) => array(unique(elements(arr), key)),
  'set(arr, keyF=null)': (arr, key) => array(unique(sorted(elements(arr), key), key)),
  'setUnion(a, b, keyF=null)': (a, b, key) => merge(a, b, key, ['left', 'right', 'both']),
  'setInter(a, b, keyF=null)': (a, b, key) => merge(a, b, key, ['both']),
  'setDiff(a, b, keyF=null)': (a, b, key) => merge(a, b, key, ['left']),
  'setMember(x, arr, keyF=null)': (x, arr, key) => {
    const keyOf = keyFunction(key);
    return elements(arr).some((item) => equals(keyOf(item), keyOf(x)));
  },
  'all(arr)': (arr) => list(arr).items.every((item) => force(item) === true),
  'any(arr)': (arr) => list(arr).items.some((item) => force(item) === true),
  'sum(arr)': total,
  'avg(arr)': (arr) => {
    const { length } = list(arr).items;
    if (length === 0) throw new JsonnetError('The average of nothing');
    return total(arr) / length;
  },
  'minArray(arr, keyF=null, onEmpty=null)': (arr, key, onEmpty) =>
    best(arr, key, onEmpty, (order) => order < 0),
  'maxArray(arr, keyF=null, onEmpty=null)': (arr, key, onEmpty) =>
    best(arr, key, onEmpty, (order) => order > 0),
  'remove(arr, elem)': (arr, elem) => {
    const { items } = list(arr);
    return removeAt(items, items.findIndex(isEqualTo(elem)));
  },
  'removeAt(arr, at)': (arr, at) => removeAt(list(arr).items, number(at)),
};

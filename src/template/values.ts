/** What programs of modifiers can do with two values, as jq and yq do it. */
import { isDeepStrictEqual } from 'node:util';

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** For messages. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return Array.isArray(value) ? 'a list' : isObject(value) ? 'a mapping' : `a ${typeof value}`;
}

/** As jq sees it. */
export function truthy(value: unknown): boolean {
  return value !== null && value !== undefined && value !== false;
}

function add(a: unknown, b: unknown): unknown {
  if (a === null || a === undefined) return b;
  if (b === null || b === undefined) return a;
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (typeof a === 'string' && typeof b === 'string') return a + b;
  if (Array.isArray(a)) {
    // yq takes one item for a list of one; jq would refuse it.
    const list: unknown[] = a;
    return Array.isArray(b) ? list.concat(b) : [...list, b];
  }
  if (isObject(a) && isObject(b)) return { ...a, ...b };
  throw new TypeError(`${typeName(b)} cannot be added to ${typeName(a)}`);
}

/** Throws a TypeError for values that the operator does not take. */
export function operate(operator: string, a: unknown, b: unknown): unknown {
  if (operator === '==') return isDeepStrictEqual(a ?? null, b ?? null);
  if (operator === '!=') return !isDeepStrictEqual(a ?? null, b ?? null);
  if (operator === '+') return add(a, b);
  if (operator === '-') {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    if (Array.isArray(a) && Array.isArray(b)) return a.filter((x) => !b.some((y) => isDeepStrictEqual(x, y)));
    throw new TypeError(`${typeName(b)} cannot be taken from ${typeName(a)}`);
  }
  if ((typeof a !== 'number' && typeof a !== 'string') || typeof a !== typeof b) {
    throw new TypeError(`${typeName(a)} and ${typeName(b)} have no order`);
  }
  const other = b as typeof a;
  if (operator === '<') return a < other;
  if (operator === '<=') return a <= other;
  return operator === '>' ? a > other : a >= other;
}

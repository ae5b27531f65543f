/** Arithmetic, comparison, equality and the text form of values. */
import { JsonnetError } from './error.ts';
import { formatText } from './format.ts';
import { showValue } from './manifest.ts';
import {
  array,
  checkAsserts,
  compareText,
  fieldNames,
  findField,
  force,
  getField,
  objectOf,
  typeName,
  type Value,
} from './values.ts';

/** What `"" + value` gives. */
export function toText(value: Value): string {
  return typeof value === 'string' ? value : showValue(value);
}

/** The character of a code point. */
export function character(value: number): string {
  const code = Math.trunc(value);
  if (code < 0 || code > 0x10ffff) throw new JsonnetError(`${value} is no code point`);
  return String.fromCodePoint(code);
}

/** Numbers are finite: there is no NaN in JSON. */
export function finite(value: number): number {
  if (Number.isNaN(value)) throw new JsonnetError('The result is not a number');
  if (!Number.isFinite(value)) throw new JsonnetError('The result is too large a number');
  return value;
}

export function add(left: Value, right: Value): Value {
  if (typeof left === 'number' && typeof right === 'number') return finite(left + right);
  if (typeof left === 'string' || typeof right === 'string') return toText(left) + toText(right);
  if (left !== null && right !== null && typeof left === 'object' && typeof right === 'object') {
    if (left.kind === 'array' && right.kind === 'array') return array([...left.items, ...right.items]);
    if (left.kind === 'object' && right.kind === 'object') return objectOf([...right.layers, ...left.layers]);
  }
  throw mismatch('+', left, right);
}

function mismatch(operator: string, left: Value, right: Value): JsonnetError {
  return new JsonnetError(`${operator} cannot be applied to ${typeName(left)} and ${typeName(right)}`);
}

const ARITHMETIC: Record<string, (a: number, b: number) => number> = {
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '&': (a, b) => bits(a, b, (x, y) => x & y),
  '|': (a, b) => bits(a, b, (x, y) => x | y),
  '^': (a, b) => bits(a, b, (x, y) => x ^ y),
  '<<': (a, b) => shift(a, b, (x, y) => x << y),
  '>>': (a, b) => shift(a, b, (x, y) => x >> y),
};

/** Bits are those of a signed integer of 64 bits. */
function bits(a: number, b: number, operation: (a: bigint, b: bigint) => bigint): number {
  for (const value of [a, b])
    if (!Number.isSafeInteger(Math.trunc(value)))
      throw new JsonnetError(`${value} is too large for its bits`);
  return Number(BigInt.asIntN(64, operation(BigInt(Math.trunc(a)), BigInt(Math.trunc(b)))));
}

function shift(a: number, b: number, operation: (a: bigint, b: bigint) => bigint): number {
  if (b < 0) throw new JsonnetError('A shift by a negative number');
  return bits(a, b % 64, operation);
}

const ORDER: Record<string, (order: number) => boolean> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

/** Every binary operator but `&&` and `||`, which do not evaluate both sides. */
export function binary(operator: string, left: Value, right: Value): Value {
  if (operator === '+') return add(left, right);
  if (operator === '==') return equals(left, right);
  if (operator === '!=') return !equals(left, right);
  const order = ORDER[operator];
  if (order !== undefined) return order(compare(left, right));
  if (operator === '%' && typeof left === 'string') return formatText(left, right);
  if (operator === 'in') {
    if (typeof left !== 'string' || typeName(right) !== 'object') throw mismatch('in', left, right);
    return findField(right as ReturnType<typeof objectOf>, left) >= 0;
  }
  if (typeof left !== 'number' || typeof right !== 'number') throw mismatch(operator, left, right);
  if (right === 0 && (operator === '/' || operator === '%')) throw new JsonnetError('Division by zero');
  return finite(ARITHMETIC[operator]!(left, right));
}

export function unary(operator: string, value: Value): Value {
  if (operator === '!' && typeof value === 'boolean') return !value;
  if (operator !== '!' && typeof value === 'number') {
    if (operator === '~') return bits(value, 0, (x) => ~x);
    return operator === '-' ? -value : value;
  }
  throw new JsonnetError(`${operator} cannot be applied to ${typeName(value)}`);
}

export function equals(left: Value, right: Value): boolean {
  const type = typeName(left);
  if (type !== typeName(right)) return false;
  if (type === 'function') throw new JsonnetError('Functions cannot be compared');
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object')
    return left === right;
  if (left.kind === 'array' && right.kind === 'array')
    return (
      left.items.length === right.items.length &&
      left.items.every((item, index) => equals(force(item), force(right.items[index]!)))
    );
  if (left.kind !== 'object' || right.kind !== 'object') return false;
  checkAsserts(left);
  checkAsserts(right);
  const names = fieldNames(left);
  const others = fieldNames(right);
  if (names.length !== others.length || names.some((name, index) => name !== others[index])) return false;
  return names.every((name) => equals(getField(left, name), getField(right, name)));
}

/** Negative, zero or positive; numbers, text and arrays of such. */
export function compare(left: Value, right: Value): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  if (left !== null && right !== null && typeof left === 'object' && typeof right === 'object')
    if (left.kind === 'array' && right.kind === 'array') {
      for (const [index, item] of left.items.entries()) {
        const other = right.items[index];
        if (other === undefined) return 1;
        const order = compare(force(item), force(other));
        if (order !== 0) return order;
      }
      return left.items.length - right.items.length;
    }
  throw new JsonnetError(`${typeName(left)} and ${typeName(right)} cannot be ordered`);
}

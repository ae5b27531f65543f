/** `format % values`, as in Python and C. */
import { JsonnetError } from './error.ts';
import { showNumber } from './manifest.ts';
import { character, toText } from './operators.ts';
import { findField, force, getField, typeName, type Value } from './values.ts';

interface Spec {
  key: string | undefined;
  left: boolean;
  zero: boolean;
  sign: '' | '+' | ' ';
  alternate: boolean;
  width: string;
  precision: string | undefined;
  type: string;
}

const SPEC = /%(?:\(([^)]*)\))?([#0\- +]*)(\*|\d*)(?:\.(\*|\d+))?[hlL]?(.)?/gsu;

export function formatText(format: string, values: Value): string {
  const isObject = typeName(values) === 'object';
  const list: Value[] =
    values !== null && typeof values === 'object' && values.kind === 'array'
      ? values.items.map(force)
      : [values];
  let used = 0;
  const next = (): Value => {
    if (used >= list.length) throw new JsonnetError(`The format needs more than ${list.length} values`);
    return list[used++]!;
  };
  const text = format.replace(
    SPEC,
    (
      _all,
      key: string | undefined,
      flags: string,
      width: string,
      precision: string | undefined,
      type: string | undefined,
    ) => {
      if (type === undefined) throw new JsonnetError('The format ends after %');
      const spec: Spec = {
        ...{ key, width, precision, type },
        left: flags.includes('-'),
        zero: flags.includes('0'),
        sign: flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '',
        alternate: flags.includes('#'),
      };
      if (isObject && (width === '*' || precision === '*'))
        throw new JsonnetError('* cannot be used in a format when values come from an object');
      const columns = width === '*' ? integer(next()) : Number(width);
      const digits =
        precision === '*' ? integer(next()) : precision === undefined ? undefined : Number(precision);
      if (type === '%') return pad('%', '', columns, { ...spec, zero: false });
      const value = isObject ? named(values, key) : next();
      const { prefix, body, numeric } = convert(value, digits, spec);
      return pad(body, prefix, columns, { ...spec, zero: spec.zero && numeric && !spec.left });
    },
  );
  if (!isObject && used < list.length)
    throw new JsonnetError(`The format uses ${used} of ${list.length} values`);
  return text;
}

function integer(value: Value): number {
  if (typeof value !== 'number') throw new JsonnetError(`* needs a number, not ${typeName(value)}`);
  return Math.trunc(value);
}

function named(values: Value, key: string | undefined): Value {
  if (key === undefined) throw new JsonnetError('A format for an object names its fields: %(name)s');
  const object = values as Extract<Value, { kind: 'object' }>;
  if (findField(object, key) < 0) throw new JsonnetError(`The format names ${key}, which the object lacks`);
  return getField(object, key);
}

function pad(
  body: string,
  prefix: string,
  columns: number,
  { left, zero }: Pick<Spec, 'left' | 'zero'>,
): string {
  const missing = columns - [...prefix, ...body].length;
  if (missing <= 0) return prefix + body;
  if (left) return prefix + body + ' '.repeat(missing);
  return zero ? prefix + '0'.repeat(missing) + body : ' '.repeat(missing) + prefix + body;
}

interface Converted {
  prefix: string;
  body: string;
  numeric: boolean;
}

function convert(value: Value, digits: number | undefined, spec: Spec): Converted {
  const { type, alternate } = spec;
  if (type === 's') return { prefix: '', body: toText(value), numeric: false };
  if (type === 'c') {
    if (typeof value === 'number') return { prefix: '', body: character(value), numeric: false };
    if (typeof value === 'string' && [...value].length === 1)
      return { prefix: '', body: value, numeric: false };
    throw new JsonnetError('%c needs a number or one character');
  }
  if (!/[diuoxXeEfFgG]/.test(type)) throw new JsonnetError(`A format has no %${type}`);
  if (typeof value !== 'number') throw new JsonnetError(`%${type} needs a number, not ${typeName(value)}`);
  const negative = value < 0 || Object.is(value, -0);
  const size = Math.abs(value);
  const sign = negative ? '-' : spec.sign;
  if (/[diuoxX]/.test(type)) {
    const radix = /[xX]/.test(type) ? 16 : type === 'o' ? 8 : 10;
    // The mark of octal numbers counts as a digit, that of hexadecimal ones does not.
    const plain = BigInt(Math.floor(size)).toString(radix);
    const whole = alternate && radix === 8 && plain !== '0' ? `0${plain}` : plain;
    const body = (type === 'X' ? whole.toUpperCase() : whole).padStart(digits ?? 0, '0');
    const mark = alternate && radix === 16 ? `0${type}` : '';
    const isNegative = value < 0 && Math.floor(size) > 0; // -0.3 becomes 0
    return { prefix: (isNegative ? '-' : spec.sign) + mark, body, numeric: true };
  }
  const lower = floating(size, digits ?? 6, type.toLowerCase(), alternate);
  return { prefix: sign, body: /[EG]/.test(type) ? lower.toUpperCase() : lower, numeric: true };
}

function exponential(size: number, digits: number, alternate: boolean): string {
  const [mantissa = '', exponent = '+0'] = size.toExponential(digits).split('e');
  const dot = alternate && digits === 0 ? '.' : '';
  return `${mantissa}${dot}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

function floating(size: number, digits: number, type: string, alternate: boolean): string {
  if (digits > 100) throw new JsonnetError('A format with more than 100 digits');
  if (type === 'e') return exponential(size, digits, alternate);
  if (type === 'f') return fixed(size, digits, alternate);
  const precision = Math.max(1, digits);
  const power = size === 0 ? 0 : Number(size.toExponential(precision - 1).split('e')[1]);
  const trim = (text: string) => (alternate || !text.includes('.') ? text : text.replace(/\.?0+(?=e|$)/, ''));
  if (power < -4 || power >= precision) return trim(exponential(size, precision - 1, alternate));
  return trim(fixed(size, precision - 1 - power, alternate));
}

/** `toFixed` gives up at 1e21. */
function fixed(size: number, digits: number, alternate: boolean): string {
  if (digits === 0) return (size < 1e21 ? size.toFixed(0) : showNumber(size)) + (alternate ? '.' : '');
  return size < 1e21 ? size.toFixed(digits) : `${showNumber(size)}.${'0'.repeat(digits)}`;
}

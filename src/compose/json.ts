/** JSON as Go's `json.MarshalIndent` writes it: what linuxkit's files are compared with. */

/** Maps are written with sorted keys, objects in the order of their keys; what is undefined is left out. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>
  | { readonly [key: string]: JsonValue | undefined };

const INDENT = '    ';

/** Go escapes what could end a script or a line in other languages. */
function quote(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function byBytes([a]: [string, unknown], [b]: [string, unknown]): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function lines(open: string, items: string[], close: string, indent: string): string {
  if (items.length === 0) return open + close;
  const inner = items.map((item) => `${indent}${INDENT}${item}`).join(',\n');
  return `${open}\n${inner}\n${indent}${close}`;
}

/** Text without a line end. Integers are written with all their digits. */
export function goJson(value: JsonValue, indent = ''): string {
  if (typeof value === 'string') return quote(value);
  if (value === null || typeof value !== 'object') return String(value);
  const next = indent + INDENT;
  if (Array.isArray(value)) {
    return lines(
      '[',
      (value as JsonValue[]).map((item) => goJson(item, next)),
      ']',
      indent,
    );
  }
  const entries =
    value instanceof Map
      ? [...(value as Map<string, JsonValue>)].sort(byBytes)
      : Object.entries(value as { [key: string]: JsonValue | undefined });
  const members = entries.flatMap(([key, each]) =>
    each === undefined ? [] : [`${quote(key)}: ${goJson(each, next)}`],
  );
  return lines('{', members, '}', indent);
}

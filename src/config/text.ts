/**
 * White space as Python sees it. JavaScript's own `trim` and `\s` differ: they take the byte order mark for
 * white space, and not the separators U+001C to U+001F and U+0085.
 */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const LEADING = new RegExp(`^[${SPACE}]+`);
const NOT_SPACE = new RegExp(`[^${SPACE}]`);
const ONE_SPACE = new RegExp(`[${SPACE}]`);
const RUN = new RegExp(`[${SPACE}]+`);

export function strip(text: string): string {
  return stripEnd(text.replace(LEADING, ''));
}

/** Without trailing white space. A loop, because a regular expression takes quadratic time here. */
export function stripEnd(text: string): string {
  let end = text.length;
  while (end > 0 && ONE_SPACE.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** The words of a list option. */
export function words(text: string): string[] {
  return text.split(RUN).filter((word) => word !== '');
}

/** Position of the first character that is not white space; -1 if there is none. */
export function indentation(line: string): number {
  return line.search(NOT_SPACE);
}

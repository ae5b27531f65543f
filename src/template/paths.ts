/** Places in a document, as lists of keys and indexes. Nothing given is changed. */

export type Key = string | number;
export type Path = readonly Key[];

/** In the order of the document; what is inside comes after what it is in. */
export function comparePaths(a: Path, b: Path): number {
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    if (part !== other) return part < other ? -1 : 1;
  }
  return a.length - b.length;
}

/** Null where there is nothing. */
export function getPath(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((here, part) => (here as Record<Key, unknown> | null)?.[part], value) ?? null;
}

export function setPath(value: unknown, [part, ...rest]: Path, to: unknown): unknown {
  if (part === undefined) return to;
  const copy: unknown = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
  const holder = (typeof part === 'number' && !Array.isArray(copy) ? [] : copy) as Record<Key, unknown>;
  holder[part] = setPath(holder[part], rest, to);
  return holder;
}

export function deletePath(value: unknown, [part, ...rest]: Path): unknown {
  if (part === undefined || typeof value !== 'object' || value === null) return null;
  if (rest.length > 0) return setPath(value, [part], deletePath((value as Record<Key, unknown>)[part], rest));
  if (Array.isArray(value)) return value.filter((_, index) => index !== part);
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== part));
}

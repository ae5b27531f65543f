/** Patterns of paths, fnmatch(3): `*`, `?` and `[...]`. */

/** `within`: a wildcard stays within one name (FNM_PATHNAME). */
export function globPattern(glob: string, within: boolean): RegExp {
  const any = within ? '[^/]' : '.';
  const source = glob.replace(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === '*') return `${any}*`;
    if (part === '?') return any;
    if (part.length > 1) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return part.replace(/[\\^$.|+(){}[\]]/, '\\$&');
  });
  return new RegExp(`^${source}$`, 's');
}

/** Whether a path is among those that the patterns name; of the patterns that match, the last one counts: `!` takes it out again. */
export function pathFilter(patterns: readonly string[]): (path: string) => boolean {
  const rules = patterns.map((pattern) => {
    const isException = pattern.startsWith('!');
    return { isException, regex: globPattern(isException ? pattern.slice(1) : pattern, false) };
  });
  return (path) => rules.findLast(({ regex }) => regex.test(path))?.isException === false;
}

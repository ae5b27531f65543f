/** Patterns for paths inside a tree: `*` and `?` within a name, `**` for any number of names. */

function toRegExp(pattern: string): RegExp {
  const source = pattern
    .replace(/^\/+|\/+$/g, '')
    .split('/')
    .map((part) => {
      if (part === '**') return '(?:[^/]+/)*';
      return `${part
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '[^/]*')
        .replaceAll('?', '[^/]')}/`;
    })
    .join('');
  return new RegExp(`^${source}$`);
}

/** Tells whether a path (without leading slash) matches one of the patterns. */
export function pathMatcher(patterns: readonly string[]): (path: string) => boolean {
  const expressions = patterns.map(toRegExp);
  return (path) => expressions.some((expression) => expression.test(`${path}/`));
}

/** The same, but a pattern that matches a directory also matches all below it. */
export function subtreeMatcher(patterns: readonly string[]): (path: string) => boolean {
  const matches = pathMatcher(patterns);
  return (path) => {
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
      if (matches(path.slice(0, end))) return true;
    }
    return matches(path);
  };
}

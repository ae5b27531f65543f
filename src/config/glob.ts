/** Whether a name matches a pattern in which `*` stands for anything and `?` for one character. */
export function matchesGlob(pattern: string, name: string): boolean {
  if (!/[*?]/u.test(pattern)) return pattern === name;
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/gu, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su').test(name);
}

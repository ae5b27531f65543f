/** Names of apps, runtimes and extensions. */

export interface Ref {
  kind: 'app' | 'runtime';
  id: string;
  arch: string;
  branch: string;
}

export function parseRef(ref: string): Ref {
  const [kind, id = '', arch = '', branch = ''] = ref.split('/');
  return { kind: kind === 'app' ? 'app' : 'runtime', id, arch, branch };
}

/** What is wrong with an entry of `apps` or `runtimes`, which is `name[/arch[/branch]]`; undefined: nothing. */
export function entryFault(entry: string): string | undefined {
  const [id = '', ...rest] = entry.split('/');
  if (rest.length > 2) return 'has more than two slashes';
  if (!/^[A-Za-z_][\w-]*(\.[\w-]+)+$/.test(id)) return 'does not begin with an id such as org.gnome.Maps';
  return rest.every((part) => /^[\w.-]*$/.test(part)) ? undefined : 'has other characters than names have';
}

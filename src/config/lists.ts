/**
 * Which options are lists that several files add to (`apps_add`) and take from (`apps_del`), and the table of
 * those that are lists even where a workspace does not say so: the ones of the Endless OS image builder.
 */
import { matchesGlob } from './glob.ts';

const BUILT_IN: [sections: string[], options: string[]][] = [
  [['buildroot'], ['mounts']],
  [['check', 'content', 'error', 'image', 'manifest', 'publish'], ['hooks']],
  [['endlesskey'], ['collections']],
  [['flatpak'], ['locales']],
  [['flatpak-remote-*'], ['apps', 'runtimes', 'exclude', 'allow_extra_data']],
  [['image'], ['icon_grid', 'settings', 'settings_locks']],
  [['kolibri'], ['install_channels']],
  [['kolibri-*'], ['exclude_node_ids', 'include_node_ids']],
];

export function builtInLists(section: string): string[] {
  return BUILT_IN.flatMap(([sections, options]) =>
    sections.some((pattern) => matchesGlob(pattern, section)) ? options : [],
  );
}

/** What `apps_add_mandatory` is to the list `apps`. */
export interface ListPart {
  list: string;
  kind: 'add' | 'del';
}

/**
 * The list that an option adds to or takes from. The name must be `LIST_add`, `LIST_del` or go on with `_`
 * (in the Endless builder `LIST_additional` adds too, by accident).
 */
export function listPart(option: string, lists: readonly string[]): ListPart | undefined {
  for (const match of option.matchAll(/_(add|del)(?=_|$)/gu)) {
    const list = option.slice(0, match.index);
    if (lists.includes(list)) return { list, kind: match[1] as 'add' | 'del' };
  }
  return undefined;
}

/** The name under which `apps_add` of one file is kept apart from those of other files. */
export function partName(option: string, namespace: string, lists: readonly string[]): string {
  const bare = /^(.+)_(?:add|del)$/u.exec(option)?.[1];
  if (bare === undefined || !lists.includes(bare)) return option;
  return `${option}_${namespace.replace(/^_/u, '')}`.toLowerCase();
}

/** All additions count before all removals: what is left of each word, in the order in which they came. */
export function mergeWords(parts: { kind: 'add' | 'del'; words: string[] }[]): string[] {
  const counts = new Map<string, number>();
  const count = (kind: 'add' | 'del', step: number) => {
    for (const word of parts.filter((part) => part.kind === kind).flatMap((part) => part.words)) {
      counts.set(word, (counts.get(word) ?? 0) + step);
    }
  };
  count('add', 1);
  const added = [...counts.keys()];
  count('del', -1);
  return added.filter((word) => counts.get(word)! > 0);
}

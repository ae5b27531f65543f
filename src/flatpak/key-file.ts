/** Key files as Flatpak has them: groups of `KEY=VALUE` lines. What is no such line is passed over, as Flatpak does. */

export type KeyFile = Map<string, Map<string, string>>;

/** Of keys and groups that come twice the last counts. */
export function parseKeyFile(text: string): KeyFile {
  const groups: KeyFile = new Map();
  let group: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[([^\]]+)\]\s*$/.exec(line)?.[1];
    if (header !== undefined) {
      group = groups.get(header) ?? new Map<string, string>();
      groups.set(header, group);
      continue;
    }
    const [, key, value] = /^\s*([^#=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined) group?.set(key, value!);
  }
  return groups;
}

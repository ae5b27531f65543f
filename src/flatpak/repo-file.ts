/** .flatpakrepo files: what a repository says of itself for those who add it. */
import { parseKeyFile } from './key-file.ts';

/** Empty: not said. */
export interface RepoFile {
  url: string;
  title: string;
  defaultBranch: string;
  /** Public keys, in base64. */
  key: string;
}

/** Undefined if the text is no such file. */
export function parseRepoFile(text: string): RepoFile | undefined {
  const group = parseKeyFile(text).get('Flatpak Repo');
  if (group === undefined) return undefined;
  const value = (key: string) => group.get(key) ?? '';
  return {
    ...{ url: value('Url'), title: value('Title'), defaultBranch: value('DefaultBranch') },
    key: value('GPGKey').replaceAll(/\s/g, ''),
  };
}
